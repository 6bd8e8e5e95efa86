using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Hub;

public sealed class LingerTests
{
    private readonly FakeTimeProvider time = new();

    [Theory]
    [InlineData("lingers")]
    [InlineData("lingers.*")]
    public async Task A_name_stays_subscribed_for_the_linger_after_its_last_subscriber_and_is_then_unsubscribed(string name)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, time: time, settings: ["Redis:Linger=00:00:30"]);
        await using (var client = await RawWebSocket.SubscribeAsync(app, name))
            await Eventually.IsAsync(async () => await SubscribedAsync(redis) == 1, "the name is subscribed");
        await Eventually.IsAsync(() => app.Connections.Count == 0, "the client has disconnected");

        time.Advance(TimeSpan.FromSeconds(29));
        app.Hub.Sweep();
        app.Hub.NameCount.Should().Be(1);
        (await SubscribedAsync(redis)).Should().Be(1);

        await app.WhenNamesExpireAsync(time, TimeSpan.FromSeconds(1), left: 0);      // by the application's own sweep
        await redis.IsEmptyAsync();
    }

    [Fact]
    public async Task A_page_that_reloads_within_the_linger_finds_its_name_still_subscribed()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var monitor = await RedisMonitor.StartAsync(redis);
        await using var app = await NotifierApp.StartAsync(redis.Configuration, time: time);
        await app.RedisIsAtRestAsync();
        for (var reload = 0; reload < 5; reload++)
        {
            await using (var page = await RawWebSocket.SubscribeAsync(app, "page"))
            {
                await Eventually.IsAsync(async () => await redis.SubscribersAsync("page") == 1 && app.Hub.CountSubscribers(Name.Channel("page")) == 1, "the name is subscribed");
                await redis.PublishAsync("page", "hello");
                (await page.ReadTextAsync()).Should().Be("hello");
            }
            await Eventually.IsAsync(() => app.Connections.Count == 0, "the page has disconnected");
            time.Advance(TimeSpan.FromSeconds(59));
            app.Hub.Sweep();
        }

        (await monitor.CountAsync("SUBSCRIBE", "page")).Should().Be(1);
        (await monitor.CountAsync("UNSUBSCRIBE", "page")).Should().Be(0);
    }

    [Fact]
    public async Task A_name_that_was_unsubscribed_is_subscribed_again_for_a_new_client_and_delivers()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var monitor = await RedisMonitor.StartAsync(redis);
        await using var app = await NotifierApp.StartAsync(redis.Configuration, time: time, settings: ["Redis:Linger=00:00:00"]);
        await app.RedisIsAtRestAsync();
        for (var access = 1; access <= 3; access++)
        {
            await using (var page = await RawWebSocket.SubscribeAsync(app, "again"))
            {
                await Eventually.IsAsync(async () => await redis.SubscribersAsync("again") == 1, "the name is subscribed");
                await redis.PublishAsync("again", $"visit {access}");
                (await page.ReadTextAsync()).Should().Be($"visit {access}");
            }
            await Eventually.IsAsync(() => app.Connections.Count == 0, "the page has disconnected");
            app.Hub.Sweep();
            app.Hub.NameCount.Should().Be(0);
            await redis.IsEmptyAsync();
        }

        (await monitor.CountAsync("SUBSCRIBE", "again")).Should().Be(3);
    }

    private static async Task<long> SubscribedAsync(RedisServer redis) => (await redis.ChannelsAsync()).Length + await redis.PatternsAsync();
}
