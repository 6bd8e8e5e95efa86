using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>Channels that belong to Redis (such as keyspace events) or to Notifier never reach a browser.</summary>
public sealed class ReservedChannelsTests
{
    private static readonly string[] Reserved = ["__", "__custom", "__sentinel__:hello", "__keyspace@0__:spy", "notifier:", "notifier:probe:1"];

    [Theory]
    [InlineData("")]
    [InlineData("app:")]
    public async Task Reserved_channels_are_not_delivered_to_patterns_that_match_them(string prefix)
    {
        await using var redis = await RedisServer.StartAsync("--notify-keyspace-events", "KEA");
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: $"Redis:ChannelPrefix={prefix}");
        string[] patterns = ["*", "?*", "[_]*", "[^a]*", @"?_*", "[a-z]*:*", "n*", "*:*", "?otifier:*", "[no]otifier:*"];
        var clients = await Task.WhenAll(patterns.Select(pattern => RawWebSocket.SubscribeAsync(app, pattern)));
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == patterns.Length, "all patterns are subscribed");

        await redis.Connection.GetDatabase().StringSetAsync("spied-upon", "value");
        await redis.Connection.GetDatabase().KeyDeleteAsync("spied-upon");
        foreach (var channel in Reserved)
        {
            (await redis.PublishAsync(channel, "reserved")).Should().BeGreaterThan(prefix.Length == 0 ? 0 : -1);
            await redis.PublishAsync(prefix + channel, "reserved");
        }
        string[] allowed = ["_n:", "x_n:", "no:", "notifie:", "potifier:", "xotifier:"];
        foreach (var channel in allowed)
            await redis.PublishAsync(prefix + channel, channel);

        var seen = new List<string>();
        // The first pattern matches every channel. After its client has received all of them, no message is on its way.
        foreach (var _ in allowed)
            seen.Add(await clients[0].ReadTextAsync());
        foreach (var client in clients[1..^1])
            seen.Add(await client.ReadTextAsync());
        foreach (var client in clients)
            seen.AddRange(await client.DrainAsync());
        seen.Distinct().Should().BeEquivalentTo(allowed);
        await clients.DisposeAllAsync();
    }

    [Theory]
    [InlineData("__keyspace@0__:spy")]
    [InlineData("__keyevent@0__:set")]
    [InlineData("__*")]
    [InlineData(@"\_\_key*")]
    [InlineData("__[k]*")]
    [InlineData("[n]otifier:*")]
    [InlineData("__")]
    [InlineData("notifier:probe:1")]
    [InlineData("notifier:*")]
    [InlineData(@"n\otifier:?")]
    public async Task A_subscribe_to_a_reserved_channel_or_pattern_is_rejected(string name)
    {
        await using var redis = await RedisServer.StartAsync();
        foreach (var prefix in new[] { "", "app:" })
        {
            await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: $"Redis:ChannelPrefix={prefix}");
            await using var client = await RawWebSocket.SubscribeAsync(app, name);

            var close = await client.ReadUntilCloseAsync();

            close.CloseCode.Should().Be(4403);
            close.CloseText.Should().Contain("reserved");
            app.Hub.NameCount.Should().Be(0);
        }
    }
}
