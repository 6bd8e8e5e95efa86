using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>Notifier subscribes to a name in Redis once for all its subscribers. The test counts the commands in Redis.</summary>
public sealed class SharedNamesTests
{
    [Fact]
    public async Task A_thousand_clients_that_subscribe_at_once_share_one_redis_subscribe_and_receive_each_message_once()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var monitor = await RedisMonitor.StartAsync(redis);
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await app.RedisIsAtRestAsync();
        var clients = await Clients.ConnectAsync(app, 1000);

        await Task.WhenAll(clients.Select(client => client.SendTextAsync("crowd")));
        await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Channel("crowd")) == 1000, "all clients have subscribed");
        await Eventually.IsAsync(async () => await redis.SubscribersAsync("crowd") == 1, "the name is subscribed");
        (await redis.PublishAsync("crowd", "one")).Should().Be(1);
        (await redis.PublishAsync("crowd", "two")).Should().Be(1);

        foreach (var client in clients)
        {
            (await client.ReadTextAsync()).Should().Be("one");
            (await client.ReadTextAsync()).Should().Be("two");
            (await client.DrainAsync()).Should().BeEmpty();
        }
        (await monitor.CountAsync("SUBSCRIBE", "crowd")).Should().Be(1);
        app.Hub.NameCount.Should().Be(1);
        await clients.DisposeAllAsync();
    }

    [Fact]
    public async Task A_name_requested_twice_on_a_connection_is_one_subscription_and_delivers_once()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var monitor = await RedisMonitor.StartAsync(redis);
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await app.RedisIsAtRestAsync();
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=twice&channel=twice&channel=other"));
        await client.SendTextAsync("twice");
        await client.SendTextAsync("last");
        await Eventually.IsAsync(async () => await redis.SubscribersAsync("last") == 1, "all names are subscribed");

        await redis.PublishAsync("twice", "once");

        (await client.ReadTextAsync()).Should().Be("once");
        (await client.DrainAsync()).Should().BeEmpty();
        app.Hub.CountSubscribers(Name.Channel("twice")).Should().Be(1);
        (await monitor.CountAsync("SUBSCRIBE", "twice")).Should().Be(1);
    }

    [Fact]
    public async Task A_channel_and_a_pattern_that_matches_it_deliver_a_message_twice()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=news.sports&pattern=news.*"));
        await Eventually.IsAsync(async () => await redis.SubscribersAsync("news.sports") == 1 && await redis.PublishAsync("news.politics", "") == 1, "both names are subscribed");
        (await client.ReadTextAsync()).Should().BeEmpty();

        (await redis.PublishAsync("news.sports", "goal")).Should().Be(2);

        (await client.ReadTextAsync()).Should().Be("goal");
        (await client.ReadTextAsync()).Should().Be("goal");
        (await client.DrainAsync()).Should().BeEmpty();
    }

    [Fact]
    public async Task Default_names_are_subscribed_without_a_request_and_requesting_one_of_them_changes_nothing()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(
            redis.Configuration, settings: ["Subscriptions:Default:0=notifications", "Subscriptions:Default:1=alerts.*"]);
        await using var asks = await RawWebSocket.SubscribeAsync(app, "notifications");
        await using var silent = await RawWebSocket.ConnectAsync(app.WebSocketAddress());
        await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Channel("notifications")) == 2 && app.Hub.CountSubscribers(Name.Pattern("alerts.*")) == 2, "both clients have subscribed to both names");
        await Eventually.IsAsync(async () => await redis.SubscribersAsync("notifications") == 1 && await redis.PatternsAsync() == 1, "both names are subscribed");

        await redis.PublishAsync("notifications", "to all");
        await redis.PublishAsync("alerts.fire", "too");

        foreach (var client in new[] { asks, silent })
            new[] { await client.ReadTextAsync(), await client.ReadTextAsync() }.Should().BeEquivalentTo("to all", "too");
        (await asks.DrainAsync()).Should().BeEmpty();
    }
}
