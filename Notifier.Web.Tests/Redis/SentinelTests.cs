using System.Diagnostics;
using FluentAssertions;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Redis;

/// <summary>The primary is gone, in the two ways there are, and another takes its place.</summary>
public sealed class SentinelTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("KILL")]
    [InlineData("STOP")]
    public async Task After_a_fail_over_messages_come_from_the_new_primary_and_those_who_listen_are_told_of_the_gap(string signal)
    {
        await using var redis = await Sentinels.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "sentinel");
        var first = await redis.PrimaryAsync();
        await using (var publisher = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{first}"))
            await publisher.GetSubscriber().PublishAsync(RedisChannel.Literal("sentinel"), "before");
        // The library connects to the replica a little later, which looks like a return.
        var said = await client.ReadAsync();
        while ((string?)said["type"] == "gap")
            said = await client.ReadAsync();
        ((string?)said["data"]).Should().Be("before");
        using var http = new HttpClient();
        await Eventually.IsAsync(async () => (await ReadyAsync(http, app)) == 200, "it is ready");

        var sinceFault = Stopwatch.StartNew();
        redis.Signal(first, signal);
        var wasRed = false;
        await Eventually.IsAsync(
            async () =>
            {
                wasRed |= await ReadyAsync(http, app) == 503;
                return await redis.PrimaryAsync() != first;
            },
            "the Sentinels have chosen another", TimeSpan.FromSeconds(60));
        var failedOver = sinceFault.Elapsed;
        await using var toSecond = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{await redis.PrimaryAsync()}");
        var hears = HearAsync(client);
        await Eventually.IsAsync(
            async () =>
            {
                wasRed |= await ReadyAsync(http, app) == 503;
                await toSecond.GetSubscriber().PublishAsync(RedisChannel.Literal("sentinel"), "after");
                return hears.IsCompleted;
            },
            "it is heard again", TimeSpan.FromSeconds(60));
        output.WriteLine($"{signal}: failed over after {failedOver.TotalSeconds:0.0} s, heard again after {sinceFault.Elapsed.TotalSeconds:0.0} s.");

        (await hears).Should().Be("redis");
        (sinceFault.Elapsed - failedOver).Should().BeLessThan(TimeSpan.FromSeconds(15), "the Sentinels may have to vote twice, we may not");
        if (signal == "STOP")
            wasRed.Should().BeTrue("that takes long enough to be seen");
        await Eventually.IsAsync(async () => (await ReadyAsync(http, app)) == 200, "it is ready again");
        if (signal == "STOP")
            redis.Signal(first, "CONT");
    }

    [Fact]
    public async Task There_are_threads_for_the_node_while_the_library_waits_in_some_for_the_sentinels()
    {
        await using var redis = await Sentinels.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);

        ThreadPool.GetMinThreads(out var workers, out _);
        workers.Should().BeGreaterThanOrEqualTo(16, "with two, as on two cores, nothing ran for seconds");
    }

    /// <returns>The code of the gap, when that and a message have come. (Where the library moves a name, the gap is noticed up to a second later.)</returns>
    private static async Task<string?> HearAsync(JsonClient client)
    {
        string? gap = null;
        var hasHeard = false;
        while (true)
        {
            var frame = await client.Socket.ReadFrameAsync(TimeSpan.FromSeconds(60));
            if (frame?.Opcode != Frame.TextOpcode)
                continue;
            var said = System.Text.Json.Nodes.JsonNode.Parse(frame.Text)!;
            if ((string?)said["type"] == "gap")
                gap = (string?)said["code"];
            hasHeard |= (string?)said["type"] == "message";
            if (hasHeard && gap is not null)
                return gap;
        }
    }

    private static async Task<int> ReadyAsync(HttpClient http, NotifierApp app) =>
        (int)(await http.GetAsync(new Uri(app.Address, "/healthz/ready"))).StatusCode;
}
