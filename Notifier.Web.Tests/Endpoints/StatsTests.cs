using System.Net;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>The statistics of a node. Operations/MetricsTests checks who may read them.</summary>
public sealed class StatsTests(RedisFixture fixture) : IDisposable, IClassFixture<RedisFixture>
{
    private readonly HttpClient http = new();

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task The_stats_show_connections_names_subscribers_top_talkers_and_the_state_of_redis()
    {
        await using var app = await SweptApp.StartAsync(Redis.Configuration, Listen.Plain);
        await using var one = await RawWebSocket.SubscribeAsync(app.App, "stats.busy");
        await using var two = await RawWebSocket.SubscribeAsync(app.App, "stats.busy");
        await using var three = await RawWebSocket.SubscribeAsync(app.App, "stats.quiet.*");
        using var events = await EventClient.ListenAsync(app.App, "?channel=stats.events");
        await app.AdvanceAsync(1);
        for (var n = 0; n < 5; n++)
            await Redis.PublishAsync("stats.busy", "hello");
        await Redis.PublishAsync("stats.quiet.1", "hello");
        for (var n = 0; n < 5; n++)
            await two.ReadTextAsync();
        await three.ReadTextAsync();

        var stats = await StatsAsync(app.App);

        ((string?)stats["version"]).Should().MatchRegex(@"^\d+\.\d+\.\d+");
        ((int?)stats["connections"]!["byTransport"]!["websocket"]).Should().Be(3);
        ((int?)stats["connections"]!["byTransport"]!["event_stream"]).Should().Be(1);
        ((int?)stats["names"]!["total"]).Should().Be(3);
        ((int?)stats["names"]!["subscribers"]).Should().Be(4);
        stats["names"]!["largest"]![0]!["channel"]!.GetValue<string>().Should().Be("stats.busy");
        stats["names"]!["largest"]![0]!["subscribers"]!.GetValue<int>().Should().Be(2);
        stats["topTalkers"]!.AsArray().Select(static name => ((string?)name!["channel"] ?? (string?)name["pattern"], (long)name["messages"]!))
            .Should().Equal(("stats.busy", 5L), ("stats.quiet.*", 1L));
        ((string?)stats["redis"]!["state"]).Should().Be("up");
        ((long)stats["kept"]!["bytes"]!).Should().BeInRange(1, (long)stats["kept"]!["limit"]!);
        ((long)stats["delivered"]!["messages"]!).Should().BeGreaterThanOrEqualTo(11);
    }

    [Fact]
    public async Task The_stats_list_as_many_names_as_requested_and_count_all_of_them()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=stats.a&channel=stats.b&channel=stats.c"));
        await Eventually.IsAsync(() => app.Hub.NameCount == 3, "all three names are subscribed");

        var stats = await StatsAsync(app, "?names=2");

        ((int?)stats["names"]!["total"]).Should().Be(3);
        stats["names"]!["largest"]!.AsArray().Should().HaveCount(2);
        (await http.GetAsync(new Uri(app.Address, "/stats?names=-1"))).StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await http.GetAsync(new Uri(app.Address, "/stats?names=10001"))).StatusCode.Should().Be(HttpStatusCode.BadRequest);
    }

    public void Dispose() => http.Dispose();

    private async Task<JsonNode> StatsAsync(NotifierApp app, string query = "") =>
        JsonNode.Parse(await http.GetStringAsync(new Uri(app.Address, $"/stats{query}")))!;
}
