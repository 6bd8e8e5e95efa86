using System.Diagnostics;
using FluentAssertions;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Redis;

/// <summary>
/// Redis misbehaves while a client is subscribed. The client receives a gap for lost messages, and the other messages once and in order.
/// </summary>
public sealed class RedisFaultTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_subscriber_receives_a_gap_and_then_new_messages_each_time_redis_disconnects_the_node()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "faults.kill");
        for (var time = 1; time <= 5; time++)
        {
            await redis.Server.ExecuteAsync("CLIENT", "KILL", "TYPE", "pubsub");
            ((string?)(await ReadUntilAsync(client, "gap"))["code"]).Should().Be("redis");
            await Eventually.IsAsync(async () => await redis.PublishAsync("faults.kill", $"{time}") == 1, "the name is subscribed again");
            ((string?)(await ReadUntilAsync(client, "message"))["data"]).Should().Be($"{time}");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_redis_that_pauses_or_is_stopped_loses_no_message(bool stopped)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "faults.pause");

        // A second connection, so that the publisher does not wait behind the pause.
        await using var publisher = await ConnectionMultiplexer.ConnectAsync($"{redis.Configuration},asyncTimeout=20000,syncTimeout=20000");
        await using (stopped ? await StopAsync(redis) : await PauseAsync(redis))
        {
            var publishing = Enumerable.Range(0, 50).Select(n => publisher.GetSubscriber().PublishAsync(RedisChannel.Literal("faults.pause"), n)).ToList();
            publishing[0].IsCompleted.Should().BeFalse("Redis pauses");
        }

        for (var n = 0; n < 50; n++)
            ((string?)(await ReadUntilAsync(client, "message"))["data"]).Should().Be($"{n}");
    }

    [Fact]
    public async Task A_half_open_connection_to_redis_is_detected_and_subscribers_receive_a_gap()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var proxy = new RedisProxy(redis.Port);
        await using var app = await NotifierApp.StartAsync(proxy.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "faults.half");

        proxy.BlackHole();
        var since = Stopwatch.StartNew();
        string said;
        do
            said = await client.Socket.ReadTextAsync(TimeSpan.FromSeconds(40));
        while (said == """{"type":"ping"}""");
        output.WriteLine($"Told after {since.Elapsed.TotalSeconds:0.0} s.");

        said.Should().Contain("\"type\":\"gap\"").And.Contain("\"code\":\"redis\"");
        since.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(25));
        await Eventually.IsAsync(async () => await redis.PublishAsync("faults.half", "after") >= 1, "the name is subscribed again");
        ((string?)(await ReadUntilAsync(client, "message"))["data"]).Should().Be("after");
    }

    /// <summary>Reads the next frame of a type. Only gaps may come before it.</summary>
    private static async Task<System.Text.Json.Nodes.JsonObject> ReadUntilAsync(JsonClient client, string type)
    {
        while (true)
        {
            var said = await client.ReadAsync();
            if ((string?)said["type"] == type)
                return said;
            ((string?)said["type"]).Should().Be("gap");
        }
    }

    /// <summary>Redis answers no client until the result is disposed.</summary>
    private static async Task<IAsyncDisposable> PauseAsync(RedisServer redis)
    {
        await redis.Server.ExecuteAsync("CLIENT", "PAUSE", "1500", "ALL");
        return new Nothing();
    }

    private static async Task<IAsyncDisposable> StopAsync(RedisServer redis)
    {
        var process = (int)(await redis.Server.InfoAsync("server")).SelectMany(group => group)
            .Where(pair => pair.Key == "process_id").Select(pair => long.Parse(pair.Value, System.Globalization.CultureInfo.InvariantCulture)).Single();
        Signal(process, "STOP");
        return new Continuing(process);
    }

    private static void Signal(int process, string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{process}"]);
        kill.WaitForExit();
    }

    private sealed class Continuing(int process) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            Signal(process, "CONT");
            return ValueTask.CompletedTask;
        }
    }

    private sealed class Nothing : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
