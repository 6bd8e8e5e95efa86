using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

public sealed class ChannelPrefixTests
{
    [Theory]
    [InlineData("laravel_database_")]
    [InlineData("a*b?[c]^-\\é:")]
    public async Task Names_are_prefixed_in_redis_and_channels_outside_the_prefix_are_not_delivered(string prefix)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: $"Redis:ChannelPrefix={prefix}");
        await using var channel = await RawWebSocket.SubscribeAsync(app, "orders");
        await using var pattern = await RawWebSocket.SubscribeAsync(app, "ord*");
        await using var all = await RawWebSocket.SubscribeAsync(app, "*");
        await Eventually.IsAsync(async () => await redis.PublishAsync(prefix + "orders", "go") == 3, "all names are subscribed");

        foreach (var outside in new[] { "orders", "ord", "aXb?[c]^-\\é:orders", "a*bX[c]^-\\é:orders", "a*b?c^-\\é:orders", "Laravel_database_orders", prefix[..^1], "x" + prefix + "orders" })
            (await redis.PublishAsync(outside, "outside")).Should().Be(0, outside);
        await redis.PublishAsync(prefix + "orders", "inside");
        await redis.PublishAsync(prefix + "ordinal", "inside too");

        (await channel.ReadPastAsync("go")).Should().Be("inside");
        (await pattern.ReadPastAsync("go")).Should().Be("inside");
        (await pattern.ReadTextAsync()).Should().Be("inside too");
        (await all.ReadPastAsync("go")).Should().Be("inside");
        (await all.ReadTextAsync()).Should().Be("inside too");
        (await channel.DrainAsync()).Should().BeEmpty();
    }

    /// <summary>As docs/publishing.md says: the script does not know the prefix.</summary>
    [Fact]
    public async Task The_script_publishes_a_durable_message_if_it_is_called_with_the_prefixed_channel()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(
            redis.Configuration, settings: ["Redis:ChannelPrefix=shop_", "History:Durable:Channels:0=orders.*"]);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "orders.7");

        await redis.PublishDurablyAsync("orders.7", "without");
        var position = await redis.PublishDurablyAsync("shop_orders.7", "with");

        var message = await client.ReadAsync();
        ((string?)message["data"]).Should().Be("with");
        ((string?)message["position"]).Should().EndWith(position);
    }
}
