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

    private static async Task ReadToTheEndAsync(ChannelMessageQueue queue)
    {
        await foreach (var _ in queue)
        {
        }
    }
}
