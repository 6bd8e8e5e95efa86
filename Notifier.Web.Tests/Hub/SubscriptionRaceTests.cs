using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Hub;

/// <summary>
/// The last unsubscribe of a name races its next first subscribe. Without Notifier's serialization, the library would leave some names deaf
/// (subscribed here, but not in Redis) and others subscribed only in Redis.
/// </summary>
public sealed class SubscriptionRaceTests(ITestOutputHelper output)
{
    private const int Operations = 4_000;

    /// <summary>Names, each with a channel that it matches.</summary>
    private static readonly (string Name, string Channel)[] Names =
    [
        ("race.a", "race.a"), ("race.b", "race.b"), ("race.c", "race.c"), ("race.d", "race.d"),
        ("race.*", "race.a"), ("race.[ab]", "race.b"), ("race.?", "race.c"), (@"race.\d", "race.d"),
        ("passed.0", "passed.0"), ("passed.1", "passed.1"), ("passed.[2]", "passed.2"), ("passed.[3]", "passed.3"),
    ];

    private int operations;

    [Fact]
    public async Task Thousands_of_racing_operations_leave_nothing_behind_and_every_name_still_delivers()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var monitor = await RedisMonitor.StartAsync(redis);
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: ["Redis:Linger=00:00:00"]);
        using var over = new CancellationTokenSource();
        var sweeping = Task.Run(async () =>
        {
            while (!over.IsCancellationRequested)
            {
                app.Hub.Sweep();
                await Task.Yield();
            }
        });

        var coming = Enumerable.Range(0, 4).Select(seed => Task.Run(() => ComeAndGoAsync(redis, app, new Random(seed))));
        var passing = Enumerable.Range(8, 4).Select(i => Task.Run(() => PassOnAsync(redis, app, Names[i], new Random(i))));
        await Task.WhenAll(coming.Concat(passing));

        foreach (var (name, channel) in Names)
        {
            await using var client = await RawWebSocket.SubscribeAsync(app, name);
            await DeliversAsync(redis, client, name, channel);
        }
        await over.CancelAsync();
        await sweeping;
        await Eventually.IsAsync(() => app.Connections.Count == 0, "all connections have ended");
        Names.Should().OnlyContain(name => app.Hub.CountSubscribers(Name.Parse(name.Name)) == 0);
        await Eventually.IsAsync(
            () =>
            {
                app.Hub.Sweep();
                return app.Hub.NameCount == 0;
            },
            "all names were removed");
        await redis.IsEmptyAsync();
        // How often depends on how busy the machine is: four names together are seldom unlucky.
        var returns = await monitor.CountAsync("SUBSCRIBE", "passed.0") + await monitor.CountAsync("SUBSCRIBE", "passed.1")
            + await monitor.CountAsync("PSUBSCRIBE", "passed.[2]") + await monitor.CountAsync("PSUBSCRIBE", "passed.[3]");
        output.WriteLine($"Four names were subscribed {returns} times.");
        returns.Should().BeGreaterThan(10, "names must leave and return all the time");
    }

    private async Task ComeAndGoAsync(RedisServer redis, NotifierApp app, Random random)
    {
        while (Interlocked.Increment(ref operations) <= Operations)     // each connection counts as one operation
        {
            await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress());
            var (name, channel) = Names[random.Next(8)];
            for (var names = random.Next(1, 4); names > 0 && Interlocked.Increment(ref operations) <= Operations; names--)
                await client.SendTextAsync(names == 1 ? name : Names[random.Next(8)].Name);
            if (random.Next(3) == 0 && operations <= Operations)
                await DeliversAsync(redis, client, name, channel);
            switch (random.Next(3))
            {
                case 0:
                    await client.SendCloseAsync(1000);
                    (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(1000);
                    break;
                case 1:
                    client.Abort();
                    break;
                default:    // the stream just ends
                    break;
            }
            Interlocked.Increment(ref operations);
        }
    }

    /// <summary>The last subscriber of a name disconnects while the next one subscribes, again and again.</summary>
    private async Task PassOnAsync(RedisServer redis, NotifierApp app, (string Name, string Channel) name, Random random)
    {
        var current = await RawWebSocket.SubscribeAsync(app, name.Name);
        while (Interlocked.Add(ref operations, 3) <= Operations)
        {
            var next = await RawWebSocket.ConnectAsync(app.WebSocketAddress());
            current.Abort();
            Thread.SpinWait(random.Next(20_000));   // so that the following steps happen in every order
            await next.SendTextAsync(name.Name);
            await current.DisposeAsync();
            current = next;
            await DeliversAsync(redis, current, name.Name, name.Channel);
        }
        await current.DisposeAsync();
    }

    /// <summary>Publishes until the client receives the message. Messages of other tasks do not count.</summary>
    private static async Task DeliversAsync(RedisServer redis, RawWebSocket client, string name, string channel)
    {
        var mine = $"for {Guid.NewGuid()}";
        var delivered = ReadAsync();
        await Eventually.IsAsync(
            async () =>
            {
                await redis.PublishAsync(channel, mine);
                return delivered.IsCompleted;
            },
            $"{name} receives messages");
        await delivered;

        async Task ReadAsync()
        {
            while (await client.ReadTextAsync() != mine)
            {
            }
        }
    }
}
