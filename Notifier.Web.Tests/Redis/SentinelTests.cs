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
        using var http = new HttpClient();
        await Eventually.IsAsync(async () => (await ReadyAsync(http, app)) == 200, "it is ready");

        var sinceFault = Stopwatch.StartNew();
        redis.Signal(first, signal);
        redis.Signal(redis.Sentinel, signal);       // as on the same machine
        await Eventually.IsAsync(
            async () => await redis.PrimaryAsync() != first, "the Sentinels have chosen another", TimeSpan.FromSeconds(60));
        var failedOver = sinceFault.Elapsed;
        await using var toSecond = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{await redis.PrimaryAsync()}");
        var hears = HearAsync(client);
        await Eventually.IsAsync(
            async () =>
            {
                await toSecond.GetSubscriber().PublishAsync(RedisChannel.Literal("sentinel"), "after");
                return hears.IsCompleted;
            },
            "it is heard again", TimeSpan.FromSeconds(60));
        output.WriteLine($"{signal}: failed over after {failedOver.TotalSeconds:0.0} s, heard again after {sinceFault.Elapsed.TotalSeconds:0.0} s.");

        (await hears).Should().Be("redis");
        (sinceFault.Elapsed - failedOver).Should().BeLessThan(TimeSpan.FromSeconds(5), "the Sentinels may have to vote twice, we may not");
        await Eventually.IsAsync(async () => (await ReadyAsync(http, app)) == 200, "it is ready again");
    }

    /// <summary>It was hung, and has not heard that there is another primary: for some 10 s it takes what it is given, and then throws that away.</summary>
    [Fact]
    public async Task No_message_is_lost_to_an_old_primary_that_resumes_after_a_failover()
    {
        await using var redis = await Sentinels.StartAsync();
        await using var app = await Publishing.StartAsync(
            redis.Configuration, "History:Durable:Channels:0=orders", "Access:Anonymous:Subscribe:0=orders", "Access:Anonymous:Publish:0=orders");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "orders");
        var first = await redis.PrimaryAsync();
        var taken = 0;
        await TakeAsync();
        await using (var primary = await PlainRedisClient.ConnectAsync(first))
        {
            await primary.AskAsync("SET", "later", "than the order");
            (await primary.AskAsync("WAIT", "1", "10000")).Should().Be("1", "the replica has it, too");
        }
        redis.Signal(first, "STOP");
        await TakeAsync();
        redis.Signal(first, "CONT");
        await Eventually.IsAsync(
            async () =>
            {
                await TakeAsync();
                return await Sentinels.IsReplicaAsync(first);
            },
            "the Sentinels have made it a replica", TimeSpan.FromSeconds(60));

        output.WriteLine($"{taken} orders were taken meanwhile.");
        await client.ReadNumbersAsync(0, taken);
        await using var second = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{await redis.PrimaryAsync()}");
        (await second.GetDatabase().SortedSetLengthAsync("{notifier}:log:orders")).Should().Be(taken, "what was taken is kept");

        // As a backend does: again, with the same key, until it is taken.
        async Task TakeAsync()
        {
            await Eventually.IsAsync(
                async () => (await app.PostAsync("/publish/orders", $"{taken}", null, ("Idempotency-Key", $"{taken}"))).Status == 200,
                "an order is taken", TimeSpan.FromSeconds(60));
            taken++;
        }
    }

    [Fact]
    public async Task Sentinels_that_start_later_than_the_node_are_found()
    {
        var port = FreePort.Next();
        await using var app = await NotifierApp.StartAsync($"127.0.0.1:{port},serviceName={Sentinels.ServiceName}");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SendAsync("""{"type":"subscribe","channel":"later"}""");
        await Eventually.IsAsync(() => app.Log.Lines.Any(static line => line.Text.Contains("does not answer", StringComparison.Ordinal)), "it is noticed");

        await using var redis = await Sentinels.StartAsync(port);

        ((string?)(await client.ReadAsync())["type"]).Should().Be("subscribed");
        using var http = new HttpClient();
        await Eventually.IsAsync(async () => (await ReadyAsync(http, app)) == 200, "it is ready");
        app.Log.Lines.Should().ContainSingle(static line => line.Text.Contains("is back", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_node_whose_sentinels_do_not_answer_continues_with_its_primary_and_logs_that()
    {
        await using var redis = await Sentinels.StartAsync();
        await using var app = await Publishing.StartAsync(redis.Configuration, "Access:Anonymous:Subscribe:0=alone", "Access:Anonymous:Publish:0=alone");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "alone");
        redis.SignalSentinels("STOP");
        await Eventually.IsAsync(() => app.Log.Lines.Any(static line => line.Text.Contains("cannot find out whether Redis has another primary", StringComparison.Ordinal)), "it is said");

        (await app.PostAsync("/publish/alone", "still")).Status.Should().Be(200);
        ((string?)(await client.ReadAsync())["data"]).Should().Be("still");

        redis.SignalSentinels("CONT");
        await Eventually.IsAsync(() => app.Log.Lines.Any(static line => line.Text.Contains("answer again", StringComparison.Ordinal)), "that is said, too");
    }

    [Fact]
    public async Task A_service_that_the_sentinels_do_not_know_is_logged_and_the_node_is_not_ready()
    {
        await using var redis = await Sentinels.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration.Replace(Sentinels.ServiceName, "other", StringComparison.Ordinal));

        await Eventually.IsAsync(() => app.Log.Lines.Any(static line => line.Text.Contains("No such master", StringComparison.Ordinal)), "it is said");

        using var http = new HttpClient();
        (await ReadyAsync(http, app)).Should().Be(503);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_password_is_used_for_the_servers_and_for_sentinels_that_require_it(bool doSentinelsAsk)
    {
        await using var redis = await Sentinels.StartAsync(password: "opensesame", doSentinelsAsk: doSentinelsAsk);

        await DeliversAndStaysAsync($"{redis.Configuration},password=opensesame");
    }

    [Theory]
    [InlineData("")]
    [InlineData(",resolveDns=true")]
    public async Task Sentinels_may_report_the_primary_by_its_host_name(string option)
    {
        await using var redis = await Sentinels.StartAsync(host: "localhost");

        await DeliversAndStaysAsync(redis.Configuration + option);
    }

    /// <summary>
    /// As long as a replica does not follow, the Sentinel that leads the fail-over has its new number with the old primary's address, in what it says of the service.
    /// A node that happened to believe that one stayed with the old primary until the end, which is three minutes by default.
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
            // Whichever is not chosen cannot follow the one that is.
            await using var server = await ConnectAsync(replica);
            await server.AskAsync("CONFIG", "SET", "masterauth", "another");
        }

        await using (var leader = await PlainRedisClient.ConnectAsync(redis.Sentinel))
            await Eventually.IsAsync(() => TakesOrderAsync(leader), "it has heard lately from a replica that can be promoted");
        await Eventually.IsAsync(async () => await redis.PrimaryAsync() != old, "another is the primary", TimeSpan.FromSeconds(20));

        await using var primary = await ConnectAsync(await redis.PrimaryAsync());
        await Eventually.IsAsync(async () => await primary.AskAsync("PUBLISH", "promoted", "heard") == $"{Nodes}", "all nodes listen to it");
        (await Task.WhenAll(clients.Select(HearAsync))).Should().OnlyContain(static code => code == "redis");
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

        static async Task<bool> TakesOrderAsync(PlainRedisClient leader)
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

    /// <summary>And takes nothing for a fail-over that is none.</summary>
    private static async Task DeliversAndStaysAsync(string configuration)
    {
        await using var app = await Publishing.StartAsync(configuration, "Access:Anonymous:Subscribe:0=news", "Access:Anonymous:Publish:0=news");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "news");
        // For longer than it takes to look at the Sentinels twice.
        var since = Stopwatch.StartNew();
        for (var number = 0; since.Elapsed < TimeSpan.FromSeconds(1.5); number++)
        {
            (await app.PostAsync("/publish/news", $"{number}")).Status.Should().Be(200);
            ((string?)(await client.ReadAsync())["data"]).Should().Be($"{number}");
        }
        app.Log.Lines.Should().NotContain(static line => line.Text.Contains("Sentinels", StringComparison.Ordinal));
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
