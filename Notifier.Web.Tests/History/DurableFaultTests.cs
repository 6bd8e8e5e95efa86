using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>
/// Redis, a node or the client fails. The client still receives each message of a durable channel once and in order, or a gap.
/// </summary>
public sealed class DurableFaultTests
{
    [Theory]
    [InlineData("channel", "fault.lost")]
    [InlineData("pattern", "fault.*")]
    public async Task Messages_published_while_the_subscription_connection_was_lost_are_fetched_without_a_gap(string kind, string name)
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await using var app = await redis.StartAppAsync("fault.*");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync(kind, name);
        var publishing = Task.Run(async () =>
        {
            for (var n = 0; n < 3_000; n += 10)
            {
                await redis.Connection.PublishDurablyAsync("fault.lost", n, n + 10);
                if (n % 500 == 0)
                    await redis.Connection.GetServers().Single().ExecuteAsync("CLIENT", "KILL", "TYPE", "pubsub");
            }
        });

        await client.ReadNumbersAsync(0, 3_000);
        await publishing;
    }

    [Fact]
    public async Task A_redis_that_restarts_with_its_data_loses_no_message_and_one_that_restarts_empty_causes_a_gap()
    {
        var folder = Directory.CreateTempSubdirectory();
        await using var redis = await RedisServer.StartAsync("--dir", folder.FullName, "--appendonly", "yes", "--appendfsync", "always");
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: "History:Durable:Channels:0=fault.*");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "fault.restart");
        await redis.Connection.PublishDurablyAsync("fault.restart", 0, 3);
        var position = (string)(await client.ReadNumbersAsync(0, 3))["position"]!;

        await redis.KillAsync();
        await redis.StartHostAsync();
        await redis.Connection.PublishDurablyAsync("fault.restart", 3, 6);
        await client.ReadNumbersAsync(3, 6);
        await using (var returning = await JsonClient.ConnectAsync(app))
        {
            ((bool?)(await returning.AskAsync(Subscribe("channel", "fault.restart", position)))["recovered"]).Should().BeTrue();
            await returning.ReadNumbersAsync(3, 6);
        }

        await redis.KillAsync();
        Directory.Delete(Path.Combine(folder.FullName, "appendonlydir"), recursive: true);
        await redis.StartHostAsync();
        await redis.Connection.PublishDurablyAsync("fault.restart", 6, 8);
        (await client.ReadAsync()).Bare().Should().Be("""{"type":"gap","channel":"fault.restart","code":"reset"}""");
        await client.ReadNumbersAsync(6, 8);
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task A_redis_that_restarts_with_older_data_causes_a_gap_and_positions_of_lost_messages_do_not_recover()
    {
        var folder = Directory.CreateTempSubdirectory();
        await using var redis = await RedisServer.StartAsync("--dir", folder.FullName);
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: "History:Durable:Channels:0=fault.*");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "fault.older");
        await redis.Connection.PublishDurablyAsync("fault.older", 0, 2);
        await redis.Server.ExecuteAsync("SAVE");
        await redis.Connection.PublishDurablyAsync("fault.older", 2, 4);
        var position = (string)(await client.ReadNumbersAsync(0, 4))["position"]!;

        await redis.KillAsync();
        await redis.StartHostAsync();
        await redis.Connection.PublishDurablyAsync("fault.older", 4, 6);

        (await client.ReadAsync()).Bare().Should().Be("""{"type":"gap","channel":"fault.older","code":"reset"}""");
        folder.Delete(recursive: true);
        await using var node = await NotifierApp.StartAsync(redis.Configuration, settings: "History:Durable:Channels:0=fault.*");
        await using var returning = await JsonClient.ConnectAsync(node);
        (await returning.AskAsync(Subscribe("channel", "fault.older", position))).Bare()
            .Should().Be("""{"type":"subscribed","channel":"fault.older","code":"reset","recovered":false}""");
    }

    [Fact]
    public async Task Clients_of_a_node_that_is_killed_between_publish_and_delivery_recover_all_messages()
    {
        await using var redis = await RedisServer.StartAsync();
        string position;
        await using (var node = await ServerProcess.StartAsync(redis.Configuration, Listen.Plain, "History:Durable:Channels:0=fault.*"))
        {
            await using var client = await RawWebSocket.ConnectAsync(node.WebSocketAddress(), 0, "Sec-WebSocket-Protocol: notifier.v1\r\n");
            var json = new JsonClient(client);
            await json.ReadAsync();
            await json.SubscribeAsync("channel", "fault.killed");
            await redis.Connection.PublishDurablyAsync("fault.killed", 0, 10);
            position = (string)(await json.ReadNumbersAsync(0, 10))["position"]!;
            node.Signal("STOP");
            await redis.Connection.PublishDurablyAsync("fault.killed", 10, 50);
            node.Signal("KILL");
        }
        await using var next = await NotifierApp.StartAsync(redis.Configuration, settings: "History:Durable:Channels:0=fault.*");
        await using var returning = await JsonClient.ConnectAsync(next);

        ((bool?)(await returning.AskAsync(Subscribe("channel", "fault.killed", position)))["recovered"]).Should().BeTrue();
        await returning.ReadNumbersAsync(10, 50);
    }

    [Fact]
    public async Task Messages_that_were_trimmed_before_they_could_be_fetched_are_a_gap()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var proxy = new RedisProxy(redis.Port);
        await using var app = await NotifierApp.StartAsync(proxy.Configuration, settings: ["History:Durable:Channels:0=fault.*", "History:Durable:Messages=5"]);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "fault.dropped");
        await redis.Connection.PublishDurablyAsync("fault.dropped", 0, 1);
        var position = (string)(await client.ReadNumbersAsync(0, 1))["position"]!;
        proxy.BlackHole();
        await redis.Connection.PublishDurablyAsync("fault.dropped", 1, 21);

        (await client.ReadAsync()).Bare().Should().Be("""{"type":"gap","channel":"fault.dropped","code":"trimmed"}""");
        await client.ReadNumbersAsync(16, 21);
        // Like a client of another node: this node does not know the position's number.
        await using var returning = await JsonClient.ConnectAsync(app);
        (await returning.AskAsync(Subscribe("channel", "fault.dropped", position[position.IndexOf('~')..]))).Bare()
            .Should().Be("""{"type":"subscribed","channel":"fault.dropped","code":"gap","recovered":false}""");
        (await returning.ReadAsync()).Bare().Should().Be("""{"type":"gap","channel":"fault.dropped","code":"trimmed"}""");
        await returning.ReadNumbersAsync(16, 21);
    }

    [Theory]
    [InlineData("channel", "fault.cluster")]
    [InlineData("pattern", "fault.*")]
    public async Task A_client_recovers_missed_messages_on_another_node_of_the_same_redis_cluster(string kind, string name)
    {
        await using var cluster = await RedisCluster.StartAsync();
        await using var one = await Publishing.StartAsync(cluster.Configuration, "History:Durable:Channels:0=fault.*");
        await using var other = await Publishing.StartAsync(cluster.Configuration, "History:Durable:Channels:0=fault.*");
        await using var before = await JsonClient.ConnectAsync(one);
        await before.SubscribeAsync(kind, name);
        string position = "";
        for (var n = 0; n < 20; n++)
        {
            var answer = await one.PostAsync("/publish/fault.cluster", $"{n}");
            answer.Status.Should().Be(200, answer.Body);
            position = n == 4 ? (string)answer.Json["position"]! : position;
        }
        await before.ReadNumbersAsync(0, 20);
        await using var client = await JsonClient.ConnectAsync(other);

        ((bool?)(await client.AskAsync(Subscribe(kind, name, position)))["recovered"]).Should().BeTrue();
        await other.PostAsync("/publish/fault.cluster", "20");
        await client.ReadNumbersAsync(5, 21);
    }

    private static string Subscribe(string kind, string name, string? position) => position is null
        ? $$"""{"type":"subscribe","{{kind}}":"{{name}}"}"""
        : $$"""{"type":"subscribe","{{kind}}":"{{name}}","after":"{{position}}"}""";
}
