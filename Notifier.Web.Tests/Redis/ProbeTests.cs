using System.Diagnostics;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Names;
using Notifier.Redis;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Redis;

/// <summary>A subscription connection receives nothing although the library reports it as connected.</summary>
public sealed class ProbeTests(ITestOutputHelper output)
{
    /// <summary>A probe every 5 s, 5 s for its echo, and the delay of a slow machine.</summary>
    private static readonly TimeSpan FoundWithin = TimeSpan.FromSeconds(15);

    /// <summary>
    /// After half an hour of faults, a node received every message but never removed a name, probably because it still took Redis for away.
    /// </summary>
    [Fact]
    public async Task A_node_that_receives_its_probe_is_ready_again_even_if_an_event_was_missed()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await Eventually.IsAsync(async () => await ReadinessAsync(app) == 200, "the node is ready");

        app.Services.GetRequiredService<RedisBackplane>().Health.ReportAway("by a test");

        (await ReadinessAsync(app)).Should().Be(503);
        await Eventually.IsAsync(async () => await ReadinessAsync(app) == 200, "the next probe has arrived");
        app.Log.Lines.Should().Contain(static line => line.Text.Contains("Redis is back", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_connection_that_receives_nothing_is_replaced_with_a_gap_and_no_message_is_delivered_twice()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var proxy = new RedisProxy(redis.Port);
        await using var app = await NotifierApp.StartAsync(proxy.Configuration);
        await using var json = await JsonClient.ConnectAsync(app);
        await json.SubscribeAsync("channel", "deaf.channel");
        await using var plain = await RawWebSocket.SubscribeAsync(app, "deaf.*");
        await Eventually.IsAsync(async () => await redis.PublishAsync("deaf.channel", "before") == 2, "both clients are subscribed");
        (await json.ReadAsync()).Bare().Should().Be("""{"type":"message","channel":"deaf.channel","data":"before"}""");
        await Eventually.IsAsync(async () => await ReadinessAsync(app) == 200, "the node is ready");

        proxy.Deafen();
        var sinceDeaf = Stopwatch.StartNew();
        await redis.PublishAsync("deaf.channel", "nobody hears that");
        // The test reads the log, because the node is unready only for the few milliseconds until the new connection receives.
        await Eventually.IsAsync(() => Replaced(app) == 1, "Notifier has replaced the connection", FoundWithin);
        var found = sinceDeaf.Elapsed;
        var gap = await json.ReadAsync();
        while ((string?)gap["data"] == "before")
            gap = await json.ReadAsync();
        await Eventually.IsAsync(async () => await ReadinessAsync(app) == 200, "the node is ready again");
        output.WriteLine($"Found after {found.TotalSeconds:0.0} s, healed after {sinceDeaf.Elapsed.TotalSeconds:0.0} s.");

        gap.Bare().Should().Be("""{"type":"gap","channel":"deaf.channel","code":"redis"}""");
        await Eventually.IsAsync(async () => await redis.SubscribersAsync("deaf.channel") == 1 && await redis.PatternsAsync() == 1, "each name is subscribed once");
        for (var n = 0; n < 100; n++)
            await redis.PublishAsync("deaf.channel", $"{n}");
        for (var n = 0; n < 100; n++)
        {
            string? data;
            do
                data = (string?)(await json.ReadAsync())["data"];
            while (data is null);       // a further gap would be correct too
            data.Should().Be($"{n}");
        }
        (await plain.ReadPastAsync("before")).Should().Be("0");
        for (var n = 1; n < 100; n++)
            (await plain.ReadTextAsync()).Should().Be($"{n}");
        app.Hub.CountSubscribers(Name.Channel("deaf.channel")).Should().Be(1);
        app.Log.Lines.Count(line => line.Text.Contains("it replaces its connection", StringComparison.Ordinal)).Should().Be(1);
        app.Log.Lines.Should().NotContain(line => line.Text.Contains("may still be subscribed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Connections_that_receive_nothing_are_replaced_at_increasing_intervals()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var proxy = new RedisProxy(redis.Port);
        await using var app = await NotifierApp.StartAsync(proxy.Configuration);
        await Eventually.IsAsync(async () => await ReadinessAsync(app) == 200, "the node is ready");

        proxy.DeafenAll();
        await Eventually.IsAsync(() => Replaced(app) >= 1, "Notifier has replaced the connection", FoundWithin);
        var sinceFirst = Stopwatch.StartNew();
        (await ReadinessAsync(app)).Should().Be(503);
        await Eventually.IsAsync(() => Replaced(app) >= 3, "Notifier has replaced two more connections", TimeSpan.FromSeconds(60));

        sinceFirst.Elapsed.Should().BeGreaterThan(TimeSpan.FromSeconds(14), "Notifier waits for 5 s, then for 10 s");
        proxy.Deafen();     // new connections receive
        await Eventually.IsAsync(async () => await ReadinessAsync(app) == 200, "the node becomes ready again", TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task A_probe_that_the_acl_forbids_is_reported_once_and_the_node_is_ready()
    {
        await using var redis = await RestrictedRedis.StartAsync("&news.*");
        await using var app = await RestrictedRedis.ConnectAsync(redis);

        await Eventually.IsAsync(async () => await ReadinessAsync(app) == 200, "the node is ready");
        await Eventually.IsAsync(() => app.Log.Says("notifier:probe:*"), "Notifier logs it");

        app.Services.GetRequiredService<RedisProbe>().Result.Should().Be(ProbeResult.NotAllowed);
        app.Log.Lines.Count(line => line.Text.Contains("notifier:probe:*", StringComparison.Ordinal)).Should().Be(1);
    }

    private static int Replaced(NotifierApp app) => app.Log.Lines.Count(line => line.Text.Contains("it replaces its connection", StringComparison.Ordinal));

    private static async Task<int> ReadinessAsync(NotifierApp app)
    {
        using var http = new HttpClient();
        return (int)(await http.GetAsync(new Uri(app.Address, "/healthz/ready"))).StatusCode;
    }
}
