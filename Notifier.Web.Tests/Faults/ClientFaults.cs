using System.Globalization;
using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>While some clients misbehave, all others receive every message once and in order. The derived classes choose the Redis.</summary>
public abstract class ClientFaults(ITestOutputHelper output, bool isEmbedded) : IAsyncLifetime
{
    private protected static readonly string[] NoLinger = ["Redis:Linger=00:00:00"];

    private protected RedisServer redis = null!;

    public async Task InitializeAsync() => redis = await (isEmbedded ? RedisServer.StartEmbeddedAsync() : RedisServer.StartAsync());

    public async Task DisposeAsync() => await redis.DisposeAsync();

    [Fact]
    public async Task A_client_that_stops_reading_receives_a_gap_with_the_exact_loss_and_199_others_lose_nothing()
    {
        const int messages = 1_000;
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: [.. NoLinger, "History:Recent:Messages=200"]);
        var leaks = new LeakCheck(app, redis);
        await using var stalled = await JsonClient.ConnectAsync(app, receiveBuffer: 4096);
        await stalled.SubscribeAsync("channel", "one.stops");
        var others = await Clients.ConnectAsync(app, 199, "/ws?channel=one.stops");
        await redis.WhenChannelIsLiveAsync(app, "one.stops", 200);

        await PublishInStepAsync("one.stops", messages, burst: 100, others);

        var (next, lost) = (0, 0);
        while (next < messages)
        {
            var said = await stalled.ReadAsync();
            if ((string?)said["type"] == "gap")
                next += lost = (int)said["lost"]!;
            else
                Number((string)said["data"]!).Should().Be(next++);
        }
        output.WriteLine($"The stalled client received a gap of {lost} messages.");
        lost.Should().BePositive("the client must fall behind the log, else the test shows nothing");
        await leaks.RedisAndTheHubAgreeAsync(Name.Channel("one.stops"));
        await stalled.DisposeAsync();
        await others.DisposeAllAsync();
        await leaks.NothingIsLeftAsync();
    }

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task Fifty_half_open_connections_are_closed_within_40_seconds_and_150_others_lose_nothing(Listen listen)
    {
        await using var app = await SweptApp.StartAsync(redis.Configuration, listen, NoLinger);
        var leaks = new LeakCheck(app.App, redis);
        var clients = await Clients.ConnectAsync(app.App, 200, "/ws?channel=half.open");
        await redis.WhenChannelIsLiveAsync(app.App, "half.open", 200);
        var (dead, alive) = (clients[..50], clients[50..]);
        await PublishInStepAsync("half.open", 1, 1, clients);

        foreach (var client in dead)
            client.GoHalfOpen();
        var next = 1;
        await app.AdvanceAsync(40, () => PublishInStepAsync("half.open", 1, 1, alive, first: next++));

        await app.WhenThereAreAsync(alive.Length);
        await Eventually.IsAsync(() => app.App.Hub.CountSubscribers(Name.Channel("half.open")) == alive.Length, "their subscriptions are removed");
        await leaks.RedisAndTheHubAgreeAsync(Name.Channel("half.open"));
        await clients.DisposeAllAsync();
        await app.WhenThereAreAsync(0);
    }

    /// <summary>Publishes numbered messages no faster than the clients read them. Each client must receive all of them, in order.</summary>
    private async Task PublishInStepAsync(string channel, int count, int burst, RawWebSocket[] clients, int first = 0)
    {
        for (var n = first; n < first + count; n += burst)
        {
            await redis.PublishAllAsync(channel, Enumerable.Range(n, burst).Select(Payload));
            await Task.WhenAll(clients.Select(async client =>
            {
                for (var expected = n; expected < n + burst; expected++)
                    Number(await client.ReadTextAsync()).Should().Be(expected);
            }));
        }
    }

    /// <summary>1,000 bytes.</summary>
    private static RedisValue Payload(int number) => number.ToString(CultureInfo.InvariantCulture).PadRight(1_000);

    private static int Number(string payload) => int.Parse(payload, NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture);
}
