using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Growth;

/// <summary>Nodes do not know each other: they share only Redis.</summary>
public sealed class NodesTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_message_published_on_any_node_or_on_redis_reaches_all_subscribers_of_every_node_once(int count)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var nodes = await Nodes.StartAsync(count, redis.Configuration);
        await using var subscribers = await nodes.SubscribeAsync("grow.items", "grow.*");

        var sent = await nodes.PublishAsync("grow.items", each: 50);
        for (var n = 0; n < 50; n++)
        {
            await redis.PublishAsync("grow.items", $"redis {n}");
            sent.Add($"redis {n}");
        }

        await subscribers.ShouldHearAsync(sent, () => redis.PublishAsync("grow.items", Visitors.End));
        (await redis.SubscribersAsync("grow.items")).Should().Be(count, "Redis sends to nodes, not to clients");
        (await redis.PatternsAsync()).Should().Be(1);
    }

    [Fact]
    public async Task A_client_of_a_killed_node_recovers_missed_messages_on_another_node()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var nodes = await Nodes.StartAsync(2, redis.Configuration, "History:Durable:Channels:0=kept.*");
        var caller = await JsonClient.ConnectAsync(nodes[0].WebSocketAddress());
        await caller.SubscribeAsync("channel", "kept.a");
        await nodes.PostAsync(0, "kept.a", "seen");
        var position = (string?)(await caller.ReadAsync())["position"];

        nodes[0].Signal("KILL");
        await caller.DisposeAsync();
        await nodes.PostAsync(1, "kept.a", "missed");
        await using var back = await JsonClient.ConnectAsync(nodes[1].WebSocketAddress());
        var answer = await back.AskAsync($$"""{"type":"subscribe","channel":"kept.a","after":"{{position}}"}""");

        ((bool?)answer["recovered"]).Should().BeTrue();
        ((string?)(await back.ReadAsync())["data"]).Should().Be("missed");
    }
}
