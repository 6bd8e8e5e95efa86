using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>The ACL of Redis allows Notifier's user only some channels.</summary>
public sealed class RedisAclTests
{
    [Theory]
    [InlineData("secrets")]
    [InlineData("secrets.*")]
    [InlineData("*")]
    public async Task A_name_that_redis_rejects_closes_only_the_client_that_requested_it(string refused)
    {
        await using var redis = await RestrictedRedis.StartAsync("&news.*");
        await using var app = await RestrictedRedis.ConnectAsync(redis);
        await using var other = await RawWebSocket.SubscribeAsync(app, "news.*");
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == 1, "the allowed names are subscribed");

        await using var client = await RawWebSocket.SubscribeAsync(app, refused);
        var close = await client.ReadUntilCloseAsync();

        close.CloseCode.Should().Be(4403);
        close.CloseText.Should().Contain("Redis does not allow this name");
        await redis.PublishAsync("news.today", "hello");
        (await other.ReadTextAsync()).Should().Be("hello");
        app.Hub.CountSubscribers(Name.Parse(refused)).Should().Be(0);
        (await redis.ChannelsAsync()).Should().BeEmpty();
        (await redis.PatternsAsync()).Should().Be(1);
        app.Log.Says($"The Redis ACL of this user does not allow {refused}").Should().BeTrue();
    }

    [Fact]
    public async Task A_rejected_name_closes_all_clients_that_request_it_repeatedly_and_leaves_nothing_behind()
    {
        await using var redis = await RestrictedRedis.StartAsync("&news.*");
        await using var app = await RestrictedRedis.ConnectAsync(redis);
        for (var round = 0; round < 5; round++)
        {
            var clients = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => RawWebSocket.SubscribeAsync(app, "secrets")));
            foreach (var client in clients)
                (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(4403);
            await clients.DisposeAllAsync();
        }

        await Eventually.IsAsync(() => app.Connections.Count == 0, "all connections have ended");
        app.Hub.NameCount.Should().Be(0);
        (await redis.ChannelsAsync()).Should().BeEmpty();
    }

    [Fact]
    public async Task A_name_that_was_rejected_can_be_subscribed_once_redis_allows_it()
    {
        await using var redis = await RestrictedRedis.StartAsync("&news.*");
        await using var app = await RestrictedRedis.ConnectAsync(redis);
        await using (var early = await RawWebSocket.SubscribeAsync(app, "weather"))
            (await early.ReadUntilCloseAsync()).CloseCode.Should().Be(4403);

        await redis.Server.ExecuteAsync("ACL", "SETUSER", "app", "&weather");
        await using var client = await RawWebSocket.SubscribeAsync(app, "weather");
        await Eventually.IsAsync(async () => await redis.PublishAsync("weather", "sunny") == 1, "the name is subscribed");

        (await client.ReadTextAsync()).Should().Be("sunny");
    }

    [Fact]
    public async Task A_name_that_redis_no_longer_allows_closes_only_its_subscribers()
    {
        await using var redis = await RestrictedRedis.StartAsync("&news", "&weather");
        await using var app = await RestrictedRedis.ConnectAsync(redis);
        await using var news = await RawWebSocket.SubscribeAsync(app, "news");
        await using var weather = await RawWebSocket.SubscribeAsync(app, "weather");
        await Eventually.IsAsync(async () => (await redis.ChannelsAsync()).Length == 2, "both names are subscribed");

        await redis.Server.ExecuteAsync("ACL", "SETUSER", "app", "resetchannels", "&weather");  // disconnects the user
        var close = await news.ReadUntilCloseAsync();

        close.CloseCode.Should().Be(4403);
        await Eventually.IsAsync(async () => await redis.PublishAsync("weather", "sunny") == 1, "the other name is subscribed again");
        (await weather.ReadTextAsync()).Should().Be("sunny");
        (await redis.ChannelsAsync()).Should().Equal("weather");
        app.Hub.NameCount.Should().Be(1);
    }
}
