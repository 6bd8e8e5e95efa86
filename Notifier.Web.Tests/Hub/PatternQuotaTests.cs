using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>Each pattern in Redis slows down every PUBLISH for everybody, so Notifier limits their number.</summary>
public sealed class PatternQuotaTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task A_pattern_beyond_the_limit_of_the_node_is_rejected_and_existing_patterns_still_deliver()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: [.. KnownProxy.Settings, "Limits:DistinctPatterns=2"]);
        await using var one = await ConnectAsync(app, "198.51.100.1", "quota.1.*");
        await using var two = await ConnectAsync(app, "198.51.100.2", "quota.2.*");
        await Eventually.IsAsync(() => app.Hub.NameCount == 2, "the node has all its patterns");

        await using var refused = await ConnectAsync(app, "198.51.100.3", "quota.3.*");

        var close = await refused.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be(
            (4503, "limit of 2 patterns per server reached (Limits:DistinctPatterns); use a channel, or try again later"));
        app.Log.Lines.Should().ContainSingle(line => line.Level == LogLevel.Warning && line.Text.Contains("Limits:DistinctPatterns", StringComparison.Ordinal));
        await using var shares = await SubscribeAsync(app, "quota.1.*", owners: 2);
        await using var channel = await SubscribeAsync(app, "quota.3.x");
        await one.IsLiveAsync(Redis, "quota.1.x");
        await shares.IsLiveAsync(Redis, "quota.1.x");
        await channel.IsLiveAsync(Redis, "quota.3.x");
    }

    [Fact]
    public async Task A_pattern_without_subscribers_makes_room_for_another_pattern_at_once()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Limits:DistinctPatterns=1");
        await using (var early = await SubscribeAsync(app, "quota.early.*"))
            await early.IsLiveAsync(Redis, "quota.early.x");
        await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Pattern("quota.early.*")) == 0, "the pattern lingers");

        await using var later = await SubscribeAsync(app, "quota.later.*");

        await later.IsLiveAsync(Redis, "quota.later.x");
        app.Hub.NameCount.Should().Be(1);
    }

    [Fact]
    public async Task One_address_may_use_a_twentieth_of_the_patterns_when_known_proxies_are_configured()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: [.. KnownProxy.Settings, "Limits:DistinctPatterns=40"]);
        var greedy = await ConnectAsync(app, "198.51.100.7", "quota.1.*", "quota.2.*");
        await Eventually.IsAsync(() => app.Hub.NameCount == 2, "the address has used its share");

        // The same pattern does not count again, even over another connection.
        await using var same = await ConnectAsync(app, "198.51.100.7", "quota.1.*");
        await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Pattern("quota.1.*")) == 2, "the pattern has two subscribers");
        await using var refused = await ConnectAsync(app, "198.51.100.7", "quota.3.*");
        var close = await refused.ReadUntilCloseAsync();
        (close.CloseCode, close.CloseText).Should().Be(
            (4503, "limit of 2 different patterns per address reached; use a channel, or try again later"));
        await using var other = await ConnectAsync(app, "198.51.100.8", "quota.3.*");
        await other.IsLiveAsync(Redis, "quota.3.x");

        await greedy.DisposeAsync();
        await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Pattern("quota.2.*")) == 0, "one of its patterns has no subscriber");
        await using var again = await ConnectAsync(app, "198.51.100.7", "quota.4.*");
        await again.IsLiveAsync(Redis, "quota.4.x");
    }

    [Fact]
    public async Task A_pattern_that_redis_rejects_does_not_count_for_the_pattern_limit()
    {
        await using var redis = await RestrictedRedis.StartAsync("&news.*");
        await using var app = await RestrictedRedis.ConnectAsync(redis, [.. KnownProxy.Settings, "Limits:DistinctPatterns=1"]);
        await using var refused = await ConnectAsync(app, "198.51.100.7", "secrets.*");
        (await refused.ReadUntilCloseAsync()).CloseCode.Should().Be(4403);

        await using var client = await ConnectAsync(app, "198.51.100.7", "news.*");

        await client.IsLiveAsync(redis, "news.x");
    }

    [Fact]
    public async Task Patterns_under_a_cover_count_for_the_limit_only_beyond_a_hundred_with_the_same_beginning()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: ["Redis:Covers:0=quota.*", "Limits:DistinctPatterns=1", "Limits:PatternsPerConnection=128"]);
        await using var various = await SubscribeAllAsync(app, [.. Enumerable.Range(0, 110).Select(n => $"quota.{n}.*")]);
        await using var alike = await SubscribeAllAsync(app, [.. Enumerable.Range(0, 100).Select(n => $"quota.*{n}")]);
        await Eventually.IsAsync(() => app.Hub.NameCount == 210, "all names have subscribers");

        await using var counts = await SubscribeAsync(app, "quota.*100");
        await using var refused = await RawWebSocket.SubscribeAsync(app, "quota.*101");

        (await refused.ReadUntilCloseAsync()).CloseCode.Should().Be(4503);
        await using var further = await SubscribeAsync(app, "quota.110.*");
        await counts.IsLiveAsync(Redis, "quota.100");
        (await Redis.PatternsAsync()).Should().Be(1);
    }

    private static async Task<RawWebSocket> SubscribeAsync(NotifierApp app, string name, int owners = 1)
    {
        var client = await RawWebSocket.SubscribeAsync(app, name);
        await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Parse(name)) == owners, $"{name} has {owners} subscribers");
        return client;
    }

    private static async Task<RawWebSocket> SubscribeAllAsync(NotifierApp app, string[] names)
    {
        var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());
        foreach (var name in names)
            await client.SendTextAsync(name);
        return client;
    }

    private static async Task<RawWebSocket> ConnectAsync(NotifierApp app, string address, params string[] names)
    {
        var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: $"X-Forwarded-For: {address}\r\n");
        foreach (var name in names)
            await client.SendTextAsync(name);
        return client;
    }
}
