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
