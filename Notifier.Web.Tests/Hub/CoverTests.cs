using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>Names under <c>Redis:Covers</c> share one PSUBSCRIBE. Only Redis sees the difference.</summary>
public sealed class CoverTests
{
    private const string Cover = "Redis:Covers:0=user.*";

    [Fact]
    public async Task Names_under_a_cover_share_one_redis_pattern_and_each_receives_only_what_it_matches()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: Cover);
        string[] names = ["user.*", "user.42.*", "user.4?.inbox", "user.42.inbox", "user.[4]2.in*", "user.43.*", "user.43.inbox", "elsewhere.*", "us*", "news"];
        var clients = await SubscribeAsync(app, names);
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == 3 && (await redis.ChannelsAsync()).Length == 1, "all names are subscribed");

        (await redis.ChannelsAsync()).Should().Equal("news");
        string[] channels = ["user.42.inbox", "user.43.inbox", "user.42.", "user.42", "user.", "use", "news", "elsewhere.x"];
        foreach (var channel in channels)
            await redis.PublishAsync(channel, channel);
        await redis.PublishAsync("user.end", "end");

        await ExpectAsync(clients["user.*"], "user.42.inbox", "user.43.inbox", "user.42.", "user.42", "user.", "end");
        await ExpectAsync(clients["user.42.*"], "user.42.inbox", "user.42.");
        await ExpectAsync(clients["user.4?.inbox"], "user.42.inbox", "user.43.inbox");
        await ExpectAsync(clients["user.42.inbox"], "user.42.inbox");
        await ExpectAsync(clients["user.[4]2.in*"], "user.42.inbox");
        await ExpectAsync(clients["user.43.*"], "user.43.inbox");
        await ExpectAsync(clients["user.43.inbox"], "user.43.inbox");
        await ExpectAsync(clients["elsewhere.*"], "elsewhere.x");
        await ExpectAsync(clients["us*"], "user.42.inbox", "user.43.inbox", "user.42.", "user.42", "user.", "use", "end");
        await ExpectAsync(clients["news"], "news");
        await clients.Values.DisposeAllAsync();
    }

    [Fact]
    public async Task Many_messages_under_a_cover_are_delivered_in_order_and_once_for_each_name()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: [Cover, "History:Recent:Messages=100000"]);
        string[] names = [.. Enumerable.Range(0, 20).SelectMany(n => new[] { $"user.{n}.*", $"user.{n}.inbox" }), "user.*"];
        var clients = await SubscribeAsync(app, names);
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == 1, "the cover is subscribed");

        const int Rounds = 150;
        for (var round = 0; round < Rounds; round++)
        {
            for (var n = 0; n < 20; n++)
                await redis.PublishAllAsync($"user.{n}.inbox", [$"{n}:{round}"]);
        }

        foreach (var (name, client) in clients.Where(client => client.Key != "user.*"))
        {
            var n = name.Split('.')[1];
            for (var round = 0; round < Rounds; round++)
                (await client.ReadTextAsync()).Should().Be($"{n}:{round}");
        }
        for (var round = 0; round < Rounds; round++)
        {
            for (var n = 0; n < 20; n++)
                (await clients["user.*"].ReadTextAsync()).Should().Be($"{n}:{round}");
        }
        foreach (var client in clients.Values)
            (await client.DrainAsync()).Should().BeEmpty();
        await clients.Values.DisposeAllAsync();
    }

    [Fact]
    public async Task A_cover_stays_subscribed_until_the_last_name_under_it_is_unsubscribed()
    {
        var time = new FakeTimeProvider();
        await using var redis = await RedisServer.StartAsync();
        await using var monitor = await RedisMonitor.StartAsync(redis);
        await using var app = await NotifierApp.StartAsync(redis.Configuration, time: time, settings: [Cover, "Redis:Linger=00:00:30"]);
        await app.RedisIsAtRestAsync();
        await using var stays = await RawWebSocket.SubscribeAsync(app, "user.1.*");
        await using (var leaves = await RawWebSocket.SubscribeAsync(app, "user.2.*"))
        {
            await Eventually.IsAsync(() => app.Hub.NameCount == 2, "both names have a subscriber");
            await Eventually.IsAsync(async () => await redis.PatternsAsync() == 1, "the cover is subscribed");
        }
        await Eventually.IsAsync(() => app.Connections.Count == 1, "one client has disconnected");

        await app.WhenNamesExpireAsync(time, TimeSpan.FromSeconds(30), left: 1);
        await redis.PublishAsync("user.1.x", "still here");
        (await stays.ReadTextAsync()).Should().Be("still here");
        await using (var again = await RawWebSocket.SubscribeAsync(app, "user.2.*"))
        {
            await Eventually.IsAsync(() => app.Hub.NameCount == 2, "the name has a subscriber again");
            await redis.PublishAsync("user.2.x", "back");
            (await again.ReadTextAsync()).Should().Be("back");
        }

        await stays.DisposeAsync();
        await Eventually.IsAsync(() => app.Connections.Count == 0, "all clients have disconnected");
        (await redis.PatternsAsync()).Should().Be(1, "the cover lingers");
        await app.WhenNamesExpireAsync(time, TimeSpan.FromSeconds(30), left: 0);
        await redis.IsEmptyAsync();
        (await monitor.CountAsync("PSUBSCRIBE", "user.*")).Should().Be(1);
        (await monitor.CountAsync("PUNSUBSCRIBE", "user.*")).Should().Be(1);

        await using var later = await RawWebSocket.SubscribeAsync(app, "user.3.*");
        await later.IsLiveAsync(redis, "user.3.x");
        (await monitor.CountAsync("PSUBSCRIBE", "user.*")).Should().Be(2);
    }

    [Fact]
    public async Task A_name_requested_before_its_cover_is_confirmed_receives_all_later_messages()
    {
        await using var redis = await RedisServer.CreateAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: Cover);
        var clients = await SubscribeAsync(app, "user.1.*", "user.1.inbox", "user.2.inbox", "user.*");
        await Eventually.IsAsync(() => app.Hub.NameCount == 4, "all names have subscribers while Redis is away");

        await redis.StartHostAsync();
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == 1, "the cover is subscribed");
        await redis.PublishAsync("user.1.inbox", "one");
        await redis.PublishAsync("user.2.inbox", "two");

        (await clients["user.1.*"].ReadTextAsync()).Should().Be("one");
        (await clients["user.1.inbox"].ReadTextAsync()).Should().Be("one");
        (await clients["user.2.inbox"].ReadTextAsync()).Should().Be("two");
        (await clients["user.*"].ReadTextAsync()).Should().Be("one");
        (await clients["user.*"].ReadTextAsync()).Should().Be("two");
        (await redis.ChannelsAsync()).Should().BeEmpty();
        await clients.Values.DisposeAllAsync();
    }

    [Fact]
    public async Task A_gap_of_a_cover_is_a_gap_of_each_name_under_it()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: Cover);
        using var gaps = new GapCount(app);
        var clients = await SubscribeAsync(app, "user.1.*", "user.1.inbox", "user.2.inbox");
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == 1 && app.Hub.NameCount == 3, "the cover is subscribed");

        await redis.KillAsync();
        await redis.StartHostAsync();
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == 1, "the cover is subscribed again");

        await Eventually.IsAsync(() => gaps.Redis == 3, "each name has a gap");
        await redis.PublishAsync("user.1.inbox", "after");
        (await clients["user.1.*"].ReadTextAsync()).Should().Be("after");
        (await clients["user.1.inbox"].ReadTextAsync()).Should().Be("after");
        await clients.Values.DisposeAllAsync();
    }

    [Fact]
    public async Task A_cover_that_redis_rejects_closes_all_subscribers_of_names_under_it()
    {
        await using var redis = await RestrictedRedis.StartAsync("&news.*");
        await using var app = await RestrictedRedis.ConnectAsync(redis, Cover);
        await using var pattern = await RawWebSocket.SubscribeAsync(app, "user.1.*");
        await using var channel = await RawWebSocket.SubscribeAsync(app, "user.1.inbox");
        await using var other = await RawWebSocket.SubscribeAsync(app, "news.*");

        foreach (var client in new[] { pattern, channel })
        {
            var close = await client.ReadUntilCloseAsync();
            (close.CloseCode, close.CloseText).Should().Be((4403, "Redis does not allow this name (its ACL)"));
        }
        await other.IsLiveAsync(redis, "news.x");
        app.Hub.NameCount.Should().Be(1);
        app.Log.Says("The Redis ACL of this user does not allow user.*").Should().BeTrue();
    }

    [Fact]
    public async Task Covers_match_names_without_the_channel_prefix()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: [Cover, "Redis:ChannelPrefix=shop_"]);
        var clients = await SubscribeAsync(app, "user.1.*", "user.1.inbox");
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == 1 && app.Hub.NameCount == 2, "the cover is subscribed");

        await redis.PublishAsync("user.1.inbox", "outside");
        await redis.PublishAsync("shop_user.1.inbox", "inside");

        foreach (var client in clients.Values)
            (await client.ReadTextAsync()).Should().Be("inside");
        await clients.Values.DisposeAllAsync();
    }

    private static async Task<Dictionary<string, RawWebSocket>> SubscribeAsync(NotifierApp app, params string[] names)
    {
        var clients = new Dictionary<string, RawWebSocket>();
        foreach (var name in names)
            clients.Add(name, await RawWebSocket.SubscribeAsync(app, name));
        foreach (var name in names)
            await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Parse(name)) == 1, $"{name} has a subscriber");
        return clients;
    }

    private static async Task ExpectAsync(RawWebSocket client, params string[] payloads)
    {
        foreach (var payload in payloads)
            (await client.ReadTextAsync()).Should().Be(payload);
        (await client.DrainAsync()).Should().BeEmpty();
    }
}
