using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Redis;
using Notifier.Tests.Support;
using Xunit;
using RedisSubscriptions = Notifier.Redis.RedisSubscriptions;

namespace Notifier.Tests.Redis;

/// <summary>
/// The last unsubscribe of a name and its next subscribe must not be sent concurrently. Otherwise the library sometimes leaves the name
/// deaf, too rarely for a test that only repeats the race.
/// </summary>
public sealed class RedisSubscriptionTests
{
    [Fact]
    public async Task A_name_that_is_subscribed_again_while_it_is_unsubscribed_always_delivers()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        var subscriptions = app.Services.GetRequiredService<RedisSubscriptions>();

        var deaf = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => HandOverAsync($"name.{i}", 500)));

        deaf.Sum().Should().Be(0);
        await redis.IsEmptyAsync();

        async Task<int> HandOverAsync(string channel, int times)
        {
            var deafTimes = 0;
            var sink = new CountingSink(Name.Channel(channel));
            var present = subscriptions.Subscribe(sink);
            for (var i = 0; i < times; i++)
            {
                (await present.Live.WaitAsync(Eventually.Limit)).Should().BeNull();
                var before = sink.Count;
                if (await redis.PublishAsync(channel, "") != 1)
                    deafTimes++;
                await Eventually.IsAsync(() => sink.Count == before + 1, "the message is delivered");
                present.Release();
                if (i % 2 == 0)
                    await Eventually.IsAsync(() => !present.IsConfirmed, "the unsubscribe has started");
                present = subscriptions.Subscribe(sink);
            }
            await present.Live;
            present.Release();
            return deafTimes;
        }
    }

    [Theory]
    [InlineData("order.a", null)]
    [InlineData("order.*", null)]
    [InlineData("order.b", "order.*")]
    public async Task A_name_is_subscribed_again_only_after_redis_has_confirmed_that_it_was_unsubscribed(string text, string? coverText)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var monitor = await RedisMonitor.StartAsync(redis);
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        var traits = app.Services.GetRequiredService<SubscriptionContext>();
        var subscriptions = app.Services.GetRequiredService<RedisSubscriptions>();
        var covers = new LiveCovers(subscriptions, traits);
        var name = Name.Parse(text);
        await app.RedisIsAtRestAsync();
        var (leave, first) = Open();
        (await first.Live.WaitAsync(Eventually.Limit)).Should().BeNull();

        await redis.FreezeAsync();
        leave();
        await Eventually.IsAsync(() => !first.IsConfirmed, "the unsubscribe has started");
        var (leaveAgain, again) = Open();
        again.Live.IsCompleted.Should().BeFalse("Redis has not confirmed the unsubscribe");

        await redis.ThawAsync();
        (await again.Live.WaitAsync(Eventually.Limit)).Should().BeNull();
        (await redis.PublishAsync("order.a", "")).Should().Be(coverText is null && text == "order.b" ? 0 : 1);
        var kind = (coverText ?? text).Contains('*', StringComparison.Ordinal) ? "PSUBSCRIBE" : "SUBSCRIBE";
        (await monitor.CountAsync(kind, coverText ?? text)).Should().Be(2);
        leaveAgain();

        (Action Leave, RedisSubscription Redis) Open()
        {
            var subscription = new Subscription(name, traits);
            if (coverText is null)
            {
                var own = subscriptions.Subscribe(subscription);
                return (own.Release, own);
            }
            var (cover, redisOfCover) = covers.Add(Name.Parse(coverText), subscription);
            return (() => covers.Remove(cover, subscription), redisOfCover);
        }
    }

    [Fact]
    public async Task A_name_that_is_subscribed_again_before_it_is_unsubscribed_delivers_to_its_new_sink()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var monitor = await RedisMonitor.StartAsync(redis);
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        var subscriptions = app.Services.GetRequiredService<RedisSubscriptions>();
        await app.RedisIsAtRestAsync();
        var first = new CountingSink(Name.Channel("stays"));
        var second = new CountingSink(Name.Channel("stays"));
        var subscription = subscriptions.Subscribe(first);
        (await subscription.Live.WaitAsync(Eventually.Limit)).Should().BeNull();

        (await subscriptions.Subscribe(second).Live.WaitAsync(Eventually.Limit)).Should().BeNull();
        await redis.PublishAsync("stays", "");

        await Eventually.IsAsync(() => second.Count == 1, "the message is delivered");
        first.Count.Should().Be(0);
        (await monitor.CountAsync("SUBSCRIBE", "stays")).Should().Be(1);
    }

    [Fact]
    public async Task A_name_released_while_redis_is_away_is_never_subscribed()
    {
        await using var redis = await RedisServer.CreateAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        var subscriptions = app.Services.GetRequiredService<RedisSubscriptions>();

        var subscription = subscriptions.Subscribe(new CountingSink(Name.Channel("never")));
        subscription.Release();
        await redis.StartHostAsync();
        (await subscriptions.Subscribe(new CountingSink(Name.Channel("other"))).Live.WaitAsync(Eventually.Limit)).Should().BeNull();

        (await redis.SubscribersAsync("never")).Should().Be(0);
    }

    /// <summary>
    /// A client received the rejection of a name and then subscribed to another name. Notifier rejected that one too, because the first
    /// still counted.
    /// </summary>
    [Fact]
    public async Task A_client_is_notified_of_a_rejection_after_its_subscription_was_removed()
    {
        await using var redis = await RestrictedRedis.StartAsync("&news");
        await using var app = await RestrictedRedis.ConnectAsync(redis);
        var subscriptions = app.Services.GetRequiredService<RedisSubscriptions>();
        await app.RedisIsAtRestAsync();
        var mayAsk = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var wasToldBefore = true;
        RedisSubscription? subscription = null;
        var sink = new CountingSink(Name.Channel("secrets"));
        sink.Refused = () =>
        {
            mayAsk.Task.Wait(Eventually.Limit);
            wasToldBefore = subscription!.Live.IsCompleted;
        };

        subscription = subscriptions.Subscribe(sink);
        mayAsk.SetResult();

        (await subscription.Live.WaitAsync(Eventually.Limit)).Should().Contain("ACL");
        wasToldBefore.Should().BeFalse("the sink removes the name before the client is notified");
        subscription.IsLive.Should().BeFalse();
    }

    internal sealed class CountingSink(Name name) : IMessageSink
    {
        private int count;

        public Action Refused { get; set; } = static () => { };

        public int Count => Volatile.Read(ref count);

        public Name Name => name;

        public void Deliver(ReadOnlySpan<Message> messages, List<IBroadcast> due) => Interlocked.Add(ref count, messages.Length);

        public void OnGap(GapCode code, List<IBroadcast> due)
        {
        }

        public void OnDenied(string reason) => Refused();
    }
}
