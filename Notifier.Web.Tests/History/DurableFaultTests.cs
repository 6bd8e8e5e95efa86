using System.Globalization;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.History;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>Redis, a node or the client fails in the middle of it: of a durable channel each message comes once and in order, or it is said that it cannot.</summary>
public sealed class DurableFaultTests
{
    [Theory]
    [InlineData("channel", "fault.lost")]
    [InlineData("pattern", "fault.*")]
    public async Task What_was_published_while_the_subscription_connection_was_lost_is_fetched_without_a_gap(string kind, string name)
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

        await ReadAsync(client, 0, 3_000);
        await publishing;
    }

    [Fact]
    public async Task Redis_that_comes_back_with_its_data_has_lost_nothing_and_without_it_that_is_said()
    {
        var folder = Directory.CreateTempSubdirectory();
        await using var redis = await RedisServer.StartAsync("--dir", folder.FullName, "--appendonly", "yes", "--appendfsync", "always");
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: "History:Durable:Channels:0=fault.*");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "fault.restart");
        await redis.Connection.PublishDurablyAsync("fault.restart", 0, 3);
        var position = (string)(await ReadAsync(client, 0, 3))["position"]!;

        await redis.KillAsync();
        await redis.StartHostAsync();
        await redis.Connection.PublishDurablyAsync("fault.restart", 3, 6);
        await ReadAsync(client, 3, 6);
        await using (var returning = await JsonClient.ConnectAsync(app))
        {
            ((bool?)(await returning.AskAsync(Subscribe("channel", "fault.restart", position)))["recovered"]).Should().BeTrue();
            await ReadAsync(returning, 3, 6);
        }

        await redis.KillAsync();
        Directory.Delete(Path.Combine(folder.FullName, "appendonlydir"), recursive: true);
        await redis.StartHostAsync();
        await redis.Connection.PublishDurablyAsync("fault.restart", 6, 8);
        (await client.ReadAsync()).Bare().Should().Be("""{"type":"gap","channel":"fault.restart","code":"reset"}""");
        await ReadAsync(client, 6, 8);
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Redis_that_comes_back_with_older_data_begins_a_new_epoch_and_positions_of_what_it_lost_recover_nothing()
    {
        var folder = Directory.CreateTempSubdirectory();
        await using var redis = await RedisServer.StartAsync("--dir", folder.FullName);
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: "History:Durable:Channels:0=fault.*");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "fault.older");
        await redis.Connection.PublishDurablyAsync("fault.older", 0, 2);
        await redis.Server.ExecuteAsync("SAVE");
        await redis.Connection.PublishDurablyAsync("fault.older", 2, 4);
        var position = (string)(await ReadAsync(client, 0, 4))["position"]!;

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

    [Theory]
    [InlineData("redis", "channel", "fault.roam")]
    [InlineData("redis", "pattern", "fault.*")]
    [InlineData("garnet", "channel", "fault.roam")]
    public async Task A_hundred_times_from_node_to_node_under_traffic_nothing_is_lost_repeated_or_out_of_order(string redisKind, string kind, string name)
    {
        await using var redis = await DurableRedis.StartAsync(redisKind);
        await using var one = await redis.StartAppAsync("fault.*", "Redis:Linger=00:00:00", "History:Recent:Messages=200");
        await using var other = await redis.StartAppAsync("fault.*", "Redis:Linger=00:00:00", "History:Recent:Messages=200");
        using var enough = new CancellationTokenSource();
        var traffic = Task.Run(async () =>
        {
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
            for (var n = 0; !enough.IsCancellationRequested; n += 5)
            {
                await redis.Connection.PublishDurablyAsync("fault.roam", n, n + 5);
                await pace.WaitForNextTickAsync(CancellationToken.None);
            }
        });

        await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => RoamAsync([one, other], new Random(seed), kind, name, 25)));

        await enough.CancelAsync();
        await traffic;
    }

    [Fact]
    public async Task A_node_that_is_killed_between_publish_and_delivery_has_cost_its_clients_nothing()
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
            position = (string)(await ReadAsync(json, 0, 10))["position"]!;
            node.Signal("STOP");
            await redis.Connection.PublishDurablyAsync("fault.killed", 10, 50);
            node.Signal("KILL");
        }
        await using var next = await NotifierApp.StartAsync(redis.Configuration, settings: "History:Durable:Channels:0=fault.*");
        await using var returning = await JsonClient.ConnectAsync(next);

        ((bool?)(await returning.AskAsync(Subscribe("channel", "fault.killed", position)))["recovered"]).Should().BeTrue();
        await ReadAsync(returning, 10, 50);
    }

    private static async Task RoamAsync(NotifierApp[] nodes, Random random, string kind, string name, int times)
    {
        string? position = null;
        long? last = null;
        for (var time = 0; time < times; time++)
        {
            await using var client = await JsonClient.ConnectAsync(nodes[random.Next(nodes.Length)]);
            var subscribed = await client.AskAsync(Subscribe(kind, name, position));
            if (position is not null)
                ((bool?)subscribed["recovered"]).Should().BeTrue(subscribed.ToJsonString());
            for (var reading = random.Next(1, 40); reading > 0; reading--)
            {
                var said = await client.ReadAsync();
                var number = long.Parse((string)said["data"]!, CultureInfo.InvariantCulture);
                if (last is not null)
                    number.Should().Be(last.Value + 1);
                (last, position) = (number, (string)said["position"]!);
            }
            if (random.Next(2) == 0)
                client.Socket.Abort();
        }
    }

    private static string Subscribe(string kind, string name, string? position) => position is null
        ? $$"""{"type":"subscribe","{{kind}}":"{{name}}"}"""
        : $$"""{"type":"subscribe","{{kind}}":"{{name}}","after":"{{position}}"}""";

    private static async Task<JsonObject> ReadAsync(JsonClient client, int from, int to)
    {
        JsonObject said = [];
        for (var n = from; n < to; n++)
        {
            said = await client.ReadAsync();
            ((string?)said["data"]).Should().Be(n.ToString(CultureInfo.InvariantCulture), said.ToJsonString());
        }
        return said;
    }
}
