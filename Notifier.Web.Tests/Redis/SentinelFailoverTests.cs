using System.Diagnostics;
using FluentAssertions;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Redis;

/// <summary>The primary is killed or hangs, and the Sentinels promote a replica.</summary>
public sealed class SentinelFailoverTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("KILL")]
    [InlineData("STOP")]
    public async Task Messages_of_the_new_primary_are_delivered_after_a_failover_and_subscribers_receive_a_gap(string signal)
    {
        await using var redis = await Sentinels.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "sentinel");
        var first = await redis.PrimaryAsync();
        await using (var publisher = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{first}"))
            await publisher.GetSubscriber().PublishAsync(RedisChannel.Literal("sentinel"), "before");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("before");
        await Eventually.IsAsync(app.IsReadyAsync, "the node is ready");

        var sinceFault = Stopwatch.StartNew();
        redis.Signal(first, signal);
        redis.Signal(redis.Sentinel, signal);       // as if both ran on one machine that fails
        await Eventually.IsAsync(
            async () => await redis.PrimaryAsync() != first, "the Sentinels have promoted another", TimeSpan.FromSeconds(60));
        var failedOver = sinceFault.Elapsed;
        await using var toSecond = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{await redis.PrimaryAsync()}");
        var gap = ReadGapAsync(client);
        await Eventually.IsAsync(
            async () =>
            {
                await toSecond.GetSubscriber().PublishAsync(RedisChannel.Literal("sentinel"), "after");
                return gap.IsCompleted;
            },
            "the client receives messages again", TimeSpan.FromSeconds(60));
        output.WriteLine($"{signal}: failed over after {failedOver.TotalSeconds:0.0} s, delivered again after {sinceFault.Elapsed.TotalSeconds:0.0} s.");

        (await gap).Should().Be("redis");
        (sinceFault.Elapsed - failedOver).Should().BeLessThan(TimeSpan.FromSeconds(5), "the Sentinels may need two votes, Notifier needs only this long");
        await Eventually.IsAsync(app.IsReadyAsync, "the node is ready again");
    }

    /// <summary>
    /// The old primary hung, and does not know of the new one. For about 10 s it acknowledges writes, and discards them when it becomes a replica.
    /// </summary>
    [Fact]
    public async Task No_message_is_lost_to_an_old_primary_that_resumes_after_a_failover()
    {
        const string key = "the key of a shop that takes orders";     // a visitor may use only 1,000 idempotency keys in ten minutes
        await using var redis = await Sentinels.StartAsync();
        await using var app = await Publishing.StartAsync(
            redis.Configuration, "History:Durable:Channels:0=orders", "Access:Anonymous:Subscribe:0=orders",
            "Access:ApiKeys:0:Name=shop", $"Access:ApiKeys:0:Secret={key}", "Access:ApiKeys:0:Publish:0=orders");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "orders");
        var first = await redis.PrimaryAsync();
        var accepted = 0;
        await OrderAsync();
        await using (var primary = await PlainRedisClient.ConnectAsync(first))
        {
            await primary.AskAsync("SET", "later", "than the order");
            (await primary.AskAsync("WAIT", "1", "10000")).Should().Be("1", "the replica has the order, too");
        }
        redis.Signal(first, "STOP");
        await OrderAsync();
        redis.Signal(first, "CONT");
        await Eventually.IsAsync(
            async () =>
            {
                await OrderAsync();
                return await Sentinels.IsReplicaAsync(first);
            },
            "the Sentinels have made the old primary a replica", TimeSpan.FromSeconds(60));

        output.WriteLine($"{accepted} orders were accepted meanwhile.");
        await client.ReadNumbersAsync(0, accepted);
        await using var second = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{await redis.PrimaryAsync()}");
        (await second.GetDatabase().SortedSetLengthAsync("{notifier}:log:orders")).Should().Be(accepted, "Redis keeps each accepted order");

        // As a backend does: publishes again, with the same key, until Notifier accepts it.
        async Task OrderAsync()
        {
            await Eventually.IsAsync(
                async () => (await app.PostAsync("/publish/orders", $"{accepted}", null, ("X-Api-Key", key), ("Idempotency-Key", $"{accepted}"))).Status == 200,
                "Notifier accepts an order", TimeSpan.FromSeconds(60));
            accepted++;
        }
    }

    /// <summary>
    /// Until every replica follows, the Sentinel that leads the failover reports the new epoch together with the old primary's address. A node that believed
    /// that Sentinel stayed with the old primary until the failover timeout, which is three minutes by default.
    /// </summary>
    [Fact]
    public async Task Nodes_move_to_the_new_primary_before_all_replicas_follow_it()
    {
        const int Nodes = 4;
        await using var redis = await Sentinels.StartAsync(password: "opensesame", replicas: 2, failOverTimeout: 60_000);
        var apps = await Task.WhenAll(Enumerable.Range(0, Nodes).Select(_ => NotifierApp.StartAsync($"{redis.Configuration},password=opensesame")));
        var clients = await Task.WhenAll(apps.Select(static app => JsonClient.ConnectAsync(app)));
        await Task.WhenAll(clients.Select(static client => client.SubscribeAsync("channel", "promoted")));
        var old = await redis.PrimaryAsync();
        foreach (var replica in redis.Replicas)
        {
            // With another password, the replica that is not promoted cannot follow the new primary.
            await using var server = await ConnectAsync(replica);
            await server.AskAsync("CONFIG", "SET", "masterauth", "another");
        }

        await using (var leader = await PlainRedisClient.ConnectAsync(redis.Sentinel))
            await Eventually.IsAsync(() => FailsOverAsync(leader), "the Sentinel knows a replica that it can promote");
        await Eventually.IsAsync(async () => await redis.PrimaryAsync() != old, "another is the primary", TimeSpan.FromSeconds(20));

        await using var primary = await ConnectAsync(await redis.PrimaryAsync());
        await Eventually.IsAsync(async () => await primary.AskAsync("PUBLISH", "promoted", "heard") == $"{Nodes}", "all nodes are subscribed at the new primary");
        (await Task.WhenAll(clients.Select(ReadGapAsync))).Should().OnlyContain(static code => code == "redis");
        foreach (var app in apps)
            app.Log.Lines.Should().ContainSingle(static line => line.Text.Contains("have another primary", StringComparison.Ordinal));
        foreach (var client in clients)
            await client.DisposeAsync();
        foreach (var app in apps)
            await app.DisposeAsync();

        static async Task<PlainRedisClient> ConnectAsync(int port)
        {
            var server = await PlainRedisClient.ConnectAsync(port);
            await server.AskAsync("AUTH", "opensesame");
            return server;
        }

        static async Task<bool> FailsOverAsync(PlainRedisClient leader)
        {
            try
            {
                await leader.AskAsync("SENTINEL", "FAILOVER", Sentinels.ServiceName);
                return true;
            }
            catch (InvalidOperationException error) when (error.Message.StartsWith("-NOGOODSLAVE", StringComparison.Ordinal))
            {
                return false;
            }
        }
    }

    /// <summary>Reads until the client has received a gap and a message. If the library moves a name, the gap may come up to a second later.</summary>
    /// <returns>The code of the gap.</returns>
    private static async Task<string?> ReadGapAsync(JsonClient client)
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
}
