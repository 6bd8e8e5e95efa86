using System.Globalization;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>
/// A client reconnects a thousand times at random moments, while a thousand messages a second are published. Each message arrives once and
/// in order. On durable channels the client reconnects to any node, on other channels to the same node.
/// </summary>
public sealed class RandomReconnectTests
{
    private const int Travellers = 5;

    [Theory]
    [InlineData("redis", 25, true, "channel", false)]
    [InlineData("redis", 25, true, "pattern", false)]
    [InlineData("redis", 25, true, "channel", true)]
    [InlineData("redis", 25, true, "pattern", true)]
    [InlineData("garnet", 25, true, "channel", false)]
    [InlineData("garnet", 25, true, "pattern", true)]
    [InlineData("redis", 25, false, "pattern", false)]
    [InlineData("redis", 25, false, "channel", true)]
    public async Task A_client_that_reconnects_at_random_moments_misses_no_message_and_receives_none_twice(
        string redisKind, int times, bool isDurable, string kind, bool byEventStream)
    {
        await using var redis = await DurableRedis.StartAsync(redisKind);
        var channels = isDurable ? "roam.*" : "other";
        await using var one = await redis.StartAppAsync(channels);
        // The logs of this node are short and are dropped with the last subscriber, so the node must read the journal in Redis.
        await using var other = isDurable ? await redis.StartAppAsync(channels, "Redis:Linger=00:00:00", "History:Recent:Messages=100") : null;
        using var enough = new CancellationTokenSource();
        var traffic = PublishAsync(redis.Connection, isDurable, enough.Token);
        NotifierApp[] nodes = other is null ? [one] : [one, other];
        // Keeps the name subscribed, because Notifier keeps an unsubscribed name only briefly.
        await using var keeper = await JsonClient.ConnectAsync(one);
        await keeper.SendAsync($$"""{"type":"subscribe","{{kind}}":"{{NameOf(kind)}}"}""");

        await Task.WhenAll(Enumerable.Range(0, Travellers).Select(seed => RoamAsync(nodes, new Random(seed), kind, byEventStream, times)));

        await enough.CancelAsync();
        await traffic;
    }

    private static string NameOf(string kind) => kind == "channel" ? "roam.one" : "roam.*";

    /// <summary>Publishes a thousand messages a second, or as many as this machine can.</summary>
    private static async Task PublishAsync(ConnectionMultiplexer redis, bool isDurable, CancellationToken enough)
    {
        using var pace = RealTime.Pace(TimeSpan.FromMilliseconds(5));
        for (var n = 0; !enough.IsCancellationRequested; n += 5)
        {
            if (isDurable)
                await redis.PublishDurablyAsync("roam.one", n, n + 5);
            else
                await Task.WhenAll(Enumerable.Range(n, 5).Select(n => redis.GetSubscriber().PublishAsync(RedisChannel.Literal("roam.one"), n)));
            await pace.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    private static async Task RoamAsync(NotifierApp[] nodes, Random random, string kind, bool byEventStream, int times)
    {
        string? position = null;
        long? last = null;
        for (var time = 0; time < times; time++)
        {
            var node = nodes[random.Next(nodes.Length)];
            await using var traveller = byEventStream
                ? await Traveller.ByEventStreamAsync(node, kind, NameOf(kind), position)
                : await Traveller.ByWebSocketAsync(node, kind, NameOf(kind), position);
            var subscribed = await traveller.ReadAsync();
            if (position is not null)
                ((bool?)subscribed["recovered"]).Should().BeTrue(subscribed.ToJsonString());
            for (var reading = random.Next(1, 40); reading > 0; reading--)
            {
                var said = await traveller.ReadAsync();
                var number = long.Parse((string?)said["data"] ?? said.ToJsonString(), CultureInfo.InvariantCulture);
                if (last is not null)
                    number.Should().Be(last.Value + 1);
                (last, position) = (number, (string)said["position"]!);
            }
        }
    }

    private sealed class Traveller(Func<Task<JsonObject>> read, Func<ValueTask> leave) : IAsyncDisposable
    {
        public static async Task<Traveller> ByWebSocketAsync(NotifierApp node, string kind, string name, string? position)
        {
            var client = await JsonClient.ConnectAsync(node);
            await client.SendAsync(position is null
                ? $$"""{"type":"subscribe","{{kind}}":"{{name}}"}"""
                : $$"""{"type":"subscribe","{{kind}}":"{{name}}","after":"{{position}}"}""");
            return new(client.ReadAsync, client.DisposeAsync);
        }

        public static async Task<Traveller> ByEventStreamAsync(NotifierApp node, string kind, string name, string? position)
        {
            var client = await EventClient.OpenAsync(node, $"?{kind}={Uri.EscapeDataString(name)}", headers: [.. position is null ? [] : new[] { ("Last-Event-ID", position) }]);
            return new(client.NextAsync, () =>
            {
                client.Dispose();
                return ValueTask.CompletedTask;
            });
        }

        public Task<JsonObject> ReadAsync() => read();

        public ValueTask DisposeAsync() => leave();
    }
}
