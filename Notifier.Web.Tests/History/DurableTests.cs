using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>
/// Channels whose messages are kept in Redis: a client reconnects to another node, or after a restart, and misses nothing.
/// </summary>
public sealed class DurableTests
{
    [Theory]
    [InlineData("redis")]
    [InlineData("garnet")]
    public async Task A_durable_message_is_delivered_as_its_payload_alone_in_both_protocols(string kind)
    {
        await using var redis = await DurableRedis.StartAsync(kind);
        await using var app = await redis.StartAppAsync("durable.*");
        await using var client = await JsonClient.ConnectAsync(app);
        await using var plain = await RawWebSocket.SubscribeAsync(app, "durable.bare");
        await client.SubscribeAsync("channel", "durable.bare");
        await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Channel("durable.bare")) == 2, "both clients are subscribed");
        await redis.Connection.PublishDurablyAsync("durable.bare", "\"hi\"\n");

        (await plain.ReadTextAsync()).Should().Be("\"hi\"\n");
        var said = await client.ReadAsync();
        said.Bare().Should().Be("""{"type":"message","channel":"durable.bare","data":"\"hi\"\n"}""");
        ((string)said["position"]!).Should().MatchRegex(@"^[\w-]{11}\.1~[0-9a-f]{16}\.\d{16}$");
    }

    [Theory]
    [InlineData("redis", "channel", "durable.restart")]
    [InlineData("redis", "pattern", "durable.res*")]
    [InlineData("garnet", "channel", "durable.restart")]
    [InlineData("garnet", "pattern", "durable.res*")]
    public async Task A_client_that_reconnects_after_a_restart_receives_all_missed_messages_once_and_in_order(string kind, string nameKind, string name)
    {
        await using var redis = await DurableRedis.StartAsync(kind);
        string position;
        await using (var app = await redis.StartAppAsync("durable.*"))
        {
            await using var before = await JsonClient.ConnectAsync(app);
            await before.SubscribeAsync(nameKind, name);
            await redis.Connection.PublishDurablyAsync("durable.restart", 0, 3);
            position = (string)(await before.ReadNumbersAsync(0, 3))["position"]!;
        }
        await redis.Connection.PublishDurablyAsync("durable.restart", 3, 2_500);        // more than one page of the journal

        await using var after = await redis.StartAppAsync("durable.*");
        await using var client = await JsonClient.ConnectAsync(after);
        var subscribed = await client.AskAsync(Json.Subscribe(nameKind, name, $"\"after\":\"{position}\""));
        await redis.Connection.PublishDurablyAsync("durable.restart", 2_500, 2_510);

        ((bool?)subscribed["recovered"]).Should().BeTrue(subscribed.ToJsonString());
        await client.ReadNumbersAsync(3, 2_510);
    }

    [Theory]
    [InlineData("redis")]
    [InlineData("garnet")]
    public async Task A_pattern_resumes_with_the_messages_of_all_its_channels_in_the_order_of_publishing(string kind)
    {
        await using var redis = await DurableRedis.StartAsync(kind);
        await using var app = await redis.StartAppAsync("many.*");
        var position = await redis.Connection.PublishDurablyAsync("many.first", "before");
        for (var n = 0; n < 300; n++)
            await redis.Connection.PublishDurablyAsync($"many.{n * 7 % 40}", $"{n}");
        await redis.Connection.PublishDurablyAsync("other.1", "not of it");
        await using var client = await JsonClient.ConnectAsync(app);

        ((bool?)(await client.AskAsync(Json.Subscribe("pattern", "many.*", $"\"after\":\"{position}\"")))["recovered"]).Should().BeTrue();
        for (var n = 0; n < 300; n++)
        {
            var said = await client.ReadAsync();
            ((string?)said["data"]).Should().Be($"{n}");
            ((string?)said["channel"]).Should().Be($"many.{n * 7 % 40}");
        }
        await using var last = await JsonClient.ConnectAsync(app);
        await last.AskAsync(Json.Subscribe("pattern", "many.*", "\"last\":100"));
        await last.ReadNumbersAsync(200, 300);
    }

    [Fact]
    public async Task A_pattern_with_plain_channels_replays_durable_messages_on_another_node_but_is_not_recovered()
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await using var one = await redis.StartAppAsync("mixed.durable");
        await using var other = await redis.StartAppAsync("mixed.durable");
        await using var before = await JsonClient.ConnectAsync(one);
        await before.SubscribeAsync("pattern", "mixed.*");
        await redis.Connection.PublishDurablyAsync("mixed.durable", 0, 1);
        var position = (string)(await before.ReadNumbersAsync(0, 1))["position"]!;
        await redis.Connection.PublishDurablyAsync("mixed.durable", 1, 4);
        await before.ReadNumbersAsync(1, 4);

        await using var here = await JsonClient.ConnectAsync(one);
        (await here.AskAsync(Json.Subscribe("pattern", "mixed.*", $"\"after\":\"{position}\""))).Bare()
            .Should().Be("""{"type":"subscribed","pattern":"mixed.*","recovered":true}""");
        await here.ReadNumbersAsync(1, 4);
        await using var there = await JsonClient.ConnectAsync(other);
        (await there.AskAsync(Json.Subscribe("pattern", "mixed.*", $"\"after\":\"{position}\""))).Bare()
            .Should().Be("""{"type":"subscribed","pattern":"mixed.*","code":"elsewhere","recovered":false}""");
        await there.ReadNumbersAsync(1, 4);
    }

    [Theory]
    [InlineData("redis")]
    [InlineData("garnet")]
    public async Task The_requested_last_messages_are_delivered_after_a_restart(string kind)
    {
        await using var redis = await DurableRedis.StartAsync(kind);
        await redis.Connection.PublishDurablyAsync("durable.last", 0, 30);
        await using var app = await redis.StartAppAsync("durable.*");
        foreach (var (last, first) in new[] { (0, 30), (1, 29), (20, 10), (1000, 0) })
        {
            await using var client = await JsonClient.ConnectAsync(app);
            var subscribed = await client.AskAsync(Json.Subscribe("channel", "durable.last", $"\"last\":{last}"));
            subscribed["recovered"].Should().BeNull();
            await client.ReadNumbersAsync(first, 30);
            (await client.AskAsync("""{"type":"ping"}""")).Bare().Should().Be("""{"type":"pong"}""");
        }
    }

    [Fact]
    public async Task Trimmed_durable_messages_are_not_recovered_and_the_remaining_ones_are_delivered()
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await using (await redis.StartAppAsync("durable.*", "History:Durable:Messages=10"))
        {
            // The node only sends this setting to Redis.
        }
        await using var app = await redis.StartAppAsync("durable.*", "History:Durable:Messages=10");
        await using var keeper = await JsonClient.ConnectAsync(app);
        await keeper.SubscribeAsync("channel", "durable.trimmed");
        var position = await redis.Connection.PublishDurablyAsync("durable.trimmed", "gone");
        await redis.Connection.PublishDurablyAsync("durable.trimmed", 0, 15);
        await using var node = await redis.StartAppAsync("durable.*", "History:Durable:Messages=10");
        await using var client = await JsonClient.ConnectAsync(node);

        var subscribed = await client.AskAsync(Json.Subscribe("channel", "durable.trimmed", $"\"after\":\"{position}\""));

        subscribed.Bare().Should().Be("""{"type":"subscribed","channel":"durable.trimmed","code":"trimmed","recovered":false}""");
        await client.ReadNumbersAsync(5, 15);
    }

    [Theory]
    [InlineData("notifier/1 epoch= id=1 prev=0\nforged")]
    [InlineData("notifier/1 epoch=a id=1 prev=0 forged")]
    [InlineData("notifier/1 epoch=a id=-1 prev=0\nforged")]
    [InlineData("notifier/1 ")]
    public async Task A_payload_that_only_resembles_a_durable_message_is_delivered_unchanged(string forged)
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await using var app = await redis.StartAppAsync("durable.*");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("pattern", "durable.*");
        await redis.Connection.PublishDurablyAsync("durable.forged", 0, 2);
        await redis.Connection.GetSubscriber().PublishAsync(RedisChannel.Literal("durable.forged"), forged);
        await redis.Connection.PublishDurablyAsync("durable.forged", 2, 4);

        await client.ReadNumbersAsync(0, 2);
        ((string?)(await client.ReadAsync())["data"]).Should().Be(forged);
        await client.ReadNumbersAsync(2, 4);
    }

    [Fact]
    public async Task A_position_from_before_a_flush_of_redis_does_not_recover_and_later_messages_are_delivered()
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await using var app = await redis.StartAppAsync("durable.*");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "durable.wiped");
        var position = await redis.Connection.PublishDurablyAsync("durable.wiped", "0");
        await client.ReadNumbersAsync(0, 1);
        await redis.Connection.GetServers().Single().FlushAllDatabasesAsync();
        await redis.Connection.PublishDurablyAsync("durable.wiped", 1, 3);

        (await client.ReadAsync()).Bare().Should().Be("""{"type":"gap","channel":"durable.wiped","code":"reset"}""");
        await client.ReadNumbersAsync(1, 3);
        await using var later = await JsonClient.ConnectAsync(app);
        (await later.AskAsync(Json.Subscribe("channel", "durable.wiped", $"\"after\":\"{position}\",\"last\":1"))).Bare()
            .Should().Be("""{"type":"subscribed","channel":"durable.wiped","code":"reset","recovered":false}""");
        await later.ReadNumbersAsync(2, 3);
    }
}
