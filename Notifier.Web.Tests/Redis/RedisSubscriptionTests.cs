using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Messages;
using Notifier.Redis;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Redis;

public sealed class RedisSubscriptionTests
{
    [Fact]
    public async Task A_name_that_is_wanted_again_while_it_leaves_is_never_deaf()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        var backplane = app.Services.GetRequiredService<RedisBackplane>();

        var deaf = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => HandOverAsync($"name.{i}", 500)));

        deaf.Sum().Should().Be(0);
        await redis.IsEmptyAsync();

        async Task<int> HandOverAsync(string channel, int times)
        {
            var deafTimes = 0;
            var name = Name.Channel(channel);
            var present = Subscribe(Task.CompletedTask);
            for (var i = 0; i < times; i++)
            {
                (await present.Live).Should().BeNull();
                if (await redis.PublishAsync(channel, "") != 1)
                    deafTimes++;
                present.Leave();
                present = Subscribe(present.Gone);
            }
            await present.Live;
            present.Leave();
            await present.Gone;
            return deafTimes;

            RedisSubscription Subscribe(Task predecessor) =>
                new(backplane, RedisChannel.Literal(channel), name, predecessor, ReadToTheEndAsync, NullLogger.Instance);
        }
    }

    /// <summary>To try often does not show it: of the present library's 4,000 hand-overs none was deaf without this wait. So it is looked at by itself.</summary>
    [Fact]
    public async Task A_name_is_not_asked_for_before_its_predecessor_has_left()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        var left = new TaskCompletionSource();
        var waiting = Subscribe("waits", left.Task);

        // Whatever is asked for after it is live.
        for (var n = 0; n < 3; n++)
            (await Subscribe($"other.{n}", Task.CompletedTask).Live.WaitAsync(Eventually.Limit)).Should().BeNull();
        (await redis.SubscribersAsync("waits")).Should().Be(0);
        waiting.Live.IsCompleted.Should().BeFalse();

        left.SetResult();
        (await waiting.Live.WaitAsync(Eventually.Limit)).Should().BeNull();
        (await redis.SubscribersAsync("waits")).Should().Be(1);

        RedisSubscription Subscribe(string channel, Task predecessor) => new(
            app.Services.GetRequiredService<RedisBackplane>(), RedisChannel.Literal(channel), Name.Channel(channel), predecessor, ReadToTheEndAsync, NullLogger.Instance);
    }

    private static async Task ReadToTheEndAsync(ChannelMessageQueue queue)
    {
        await foreach (var _ in queue)
        {
        }
    }
}
