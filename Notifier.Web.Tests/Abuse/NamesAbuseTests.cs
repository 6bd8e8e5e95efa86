using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>One client cannot use all patterns of a node, nor fill its memory with names.</summary>
public sealed class NamesAbuseTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string KnownProxy = "ForwardedHeaders:KnownProxies:0=127.0.0.1";

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task One_address_uses_at_most_half_of_the_patterns_of_a_node_by_default()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Limits:DistinctPatterns=20");
        var clients = new List<RawWebSocket>();
        for (var n = 0; n < 10; n++)
            clients.Add(await RawWebSocket.SubscribeAsync(app, $"greedy.{n}.*"));
        await Eventually.IsAsync(() => app.Hub.NameCount == 10, "the address has used its share");

        await using var refused = await RawWebSocket.SubscribeAsync(app, "greedy.10.*");

        var close = await refused.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be((4503, "limit of 10 different patterns per address reached; use a channel, or try again later"));
        await clients.DisposeAllAsync();
    }

    [Theory]
    [InlineData("", 10, "s")]           // half
    [InlineData(KnownProxy, 1, "")]     // a twentieth
    public async Task One_address_subscribes_to_at_most_its_share_of_the_names_of_a_node(string proxy, int share, string plural)
    {
        string[] settings = ["Limits:DistinctNames=20", "Limits:NamesPerConnection=30", .. proxy.Length > 0 ? [proxy] : Array.Empty<string>()];
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: settings);
        await using var greedy = await JsonClient.ConnectAsync(app);
        for (var n = 0; n < share; n++)
            await greedy.SubscribeAsync("channel", $"own.{n}");

        var refused = await greedy.AskAsync("""{"type":"subscribe","channel":"own.more"}""");

        ((string?)refused["code"], (string?)refused["message"])
            .Should().Be(("overloaded", $"limit of {share} different name{plural} per address reached (Limits:DistinctNames); try again later"));
        await using var other = await JsonClient.ConnectAsync(app);
        await other.SubscribeAsync("channel", "own.0");
        await greedy.AskAsync("""{"type":"unsubscribe","channel":"own.0"}""");
        (await greedy.AskAsync("""{"type":"subscribe","channel":"own.more"}"""))["code"]!.GetValue<string>().Should().Be("overloaded", "the name still has a subscriber");
        await other.AskAsync("""{"type":"unsubscribe","channel":"own.0"}""");
        await greedy.SubscribeAsync("channel", "own.more");
    }

    [Fact]
    public async Task A_node_has_no_more_names_than_its_limit_and_clients_still_subscribe_to_those_it_has()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: [.. Support.KnownProxy.Settings, "Limits:DistinctNames=3", "Redis:Linger=00:00:00"]);
        var clients = new List<JsonClient>();
        for (var n = 0; n < 4; n++)
            clients.Add(await JsonClient.ConnectAsync(app, headers: $"X-Forwarded-For: 198.51.100.{n}\r\n"));
        for (var n = 0; n < 3; n++)
            await clients[n].SubscribeAsync("channel", $"all.{n}");

        var refused = await clients[3].AskAsync("""{"type":"subscribe","channel":"all.3"}""");

        ((string?)refused["message"]).Should().Be("limit of 3 different names per server reached (Limits:DistinctNames); try again later");
        await clients[3].SubscribeAsync("channel", "all.0");
        await clients[1].DisposeAsync();
        await Eventually.IsAsync(
            async () => (string?)(await clients[3].AskAsync("""{"type":"subscribe","channel":"all.3"}"""))["type"] == "subscribed", "a name without subscribers makes room");
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    [Theory]
    [InlineData("", 10)]            // half
    [InlineData(KnownProxy, 1)]     // a twentieth
    public async Task Names_without_subscribers_do_not_linger_beyond_the_share_of_their_address(string proxy, int share)
    {
        string[] settings = ["Limits:LingeringNames=20", .. proxy.Length > 0 ? [proxy] : Array.Empty<string>()];
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: settings);
        await using var client = await JsonClient.ConnectAsync(app);
        for (var n = 0; n < 40; n++)
        {
            await client.SubscribeAsync("channel", $"lingers.{n}");
            await client.AskAsync($$"""{"type":"unsubscribe","channel":"lingers.{{n}}"}""");
        }

        await Eventually.IsAsync(() => app.Hub.NameCount == share, $"{share} names linger");
        await Eventually.IsAsync(async () => (await Redis.ChannelsAsync()).Count(static name => name.StartsWith("lingers.", StringComparison.Ordinal)) == share, "and are subscribed in Redis");
        app.Hub.Statistics().Select(static name => name.Name).Should().Contain(Name.Channel("lingers.39"), "those that were used last linger");
    }

    [Fact]
    public async Task A_client_receives_no_more_of_the_latest_messages_than_the_limit()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Limits:LastMessages=3");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "latest");
        for (var n = 0; n < 10; n++)
            await Redis.PublishAsync("latest", $"{n}");
        await client.ReadNumbersAsync(0, 10);

        await using var greedy = await JsonClient.ConnectAsync(app);
        await greedy.AskAsync(Json.Subscribe("channel", "latest", "\"last\":1000000"));

        await greedy.ReadNumbersAsync(7, 10);
    }
}
