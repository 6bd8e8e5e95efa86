using System.Diagnostics;
using System.Globalization;
using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.Names;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>Many clients misbehave at the same time, in the process of the node. These take long: <c>./test.sh --faults</c> runs them.</summary>
public abstract class LoadFaults(ITestOutputHelper output, bool isEmbedded) : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private RedisServer redis = null!;

    public async Task InitializeAsync() => redis = await (isEmbedded ? RedisServer.StartEmbeddedAsync() : RedisServer.StartAsync());

    public async Task DisposeAsync() => await redis.DisposeAsync();

    [Fact]
    public async Task A_hundred_clients_that_stop_reading_are_closed_with_4508_and_900_others_lose_nothing()
    {
        const int messages = 5_000;
        const int burst = 500;
        const int kept = 1_000;
        // The clock stands still, so that Notifier takes no client for dead, however slow this machine is.
        await using var app = await NotifierApp.StartAsync(
            redis.Configuration, time: new FakeTimeProvider(DateTimeOffset.UtcNow), settings: ["Redis:Linger=00:00:00", $"History:Recent:Messages={kept}"]);
        var leaks = new LeakCheck(app, redis);
        var others = await Clients.ConnectAsync(app, 900, "/ws?channel=burst");
        var stalled = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=burst"), receiveBuffer: 4096)));
        await redis.WhenChannelIsLiveAsync(app, "burst", 1_000);
        var started = Stopwatch.StartNew();

        for (var first = 0; first < messages; first += burst)
        {
            await redis.PublishAllAsync("burst", Enumerable.Range(first, burst).Select(Payload));
            await Task.WhenAll(others.Select(client => ExpectAsync(client, first, burst)));
        }
        output.WriteLine($"{messages * 900} messages delivered in {started.Elapsed.TotalSeconds:0.0} s while 100 clients did not read.");

        foreach (var client in stalled)
        {
            var received = 0;
            Frame frame;
            while ((frame = await client.ReadMessageAsync()).Opcode != Frame.CloseOpcode)
                Number(frame.Text).Should().Be(received++);
            // On an overloaded machine the node may lose its connection to Redis for a moment. The number of messages behind that gap is unknown.
            var lost = app.Log.Says("Redis reconnected: messages may have been lost") ? "" : $"{messages - kept - received} ";
            (frame.CloseCode, frame.CloseText).Should().BeOneOf((4508, $"too slow: {messages - kept - received} messages were lost"), (4508, $"too slow: {lost}messages were lost"));
        }
        await leaks.RedisAndTheHubAgreeAsync(Name.Channel("burst"));
        await others.DisposeAllAsync();
        await stalled.DisposeAllAsync();
        await leaks.NothingIsLeftAsync();
    }

    [Fact]
    public async Task A_hundred_thousand_subscribes_and_unsubscribes_leave_nothing_behind_and_all_names_still_deliver()
    {
        const int operations = 100_000;
        const int clients = 50;
        Name[] names = [.. Enumerable.Range(0, 40).Select(n => n % 4 == 3 ? Name.Pattern($"churn.{n}?") : Name.Channel($"churn.{n}0"))];
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings:
            ["Redis:Linger=00:00:00", "Limits:CommandsPerSecond=1000000", "Limits:CommandBurst=1000000"]);
        var leaks = new LeakCheck(app, redis);
        using var over = new CancellationTokenSource();
        var sweeping = OwnThread.RunAsync(() =>
        {
            while (!over.IsCancellationRequested)
            {
                app.Hub.Sweep();
                Thread.Yield();
            }
        });
        var seed = Environment.TickCount;
        output.WriteLine($"The seed is {seed}.");
        var started = Stopwatch.StartNew();

        var sockets = await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => JsonClient.ConnectAsync(app)));
        await Task.WhenAll(sockets.Select((socket, n) => Task.Run(() => ChurnAsync(socket, names, operations / clients, new Random(seed + n))))).WaitAsync(Patience);
        output.WriteLine($"{operations} operations in {started.Elapsed.TotalSeconds:0.0} s.");
        await over.CancelAsync();
        await sweeping;

        foreach (var socket in sockets)
            await socket.DisposeAsync();
        await leaks.NothingIsLeftAsync();
        await using var all = await JsonClient.ConnectAsync(app);
        foreach (var name in names.Where(static name => name.Kind == NameKind.Channel))
            await all.SubscribeAsync("channel", name.Text);
        foreach (var name in names.Where(static name => name.Kind == NameKind.Pattern))
            await all.SubscribeAsync("pattern", name.Text);
        await leaks.RedisAndTheHubAgreeAsync(names);
        foreach (var n in Enumerable.Range(0, names.Length))
        {
            await redis.PublishAsync($"churn.{n}0", $"{n}");
            ((string)(await all.ReadAsync())["data"]!).Should().Be($"{n}");
        }
    }

    /// <summary>Sends each command after the answer to the one before. At the end the client has unsubscribed from all names.</summary>
    private static async Task ChurnAsync(JsonClient client, Name[] names, int operations, Random random)
    {
        var subscribed = new HashSet<Name>();
        while (operations-- > 0)
        {
            var name = operations <= subscribed.Count && subscribed.Count > 0 ? subscribed.First() : names[random.Next(names.Length)];
            var leaves = subscribed.Contains(name);
            await client.SendAsync($$"""{"type":"{{(leaves ? "unsubscribe" : "subscribe")}}","{{(name.Kind == NameKind.Pattern ? "pattern" : "channel")}}":"{{name.Text}}"}""");
            ((string)(await client.ReadAsync())["type"]!).Should().Be(leaves ? "unsubscribed" : "subscribed");
            if (leaves)
                subscribed.Remove(name);
            else
                subscribed.Add(name);
        }
    }

    private static async Task ExpectAsync(RawWebSocket client, int first, int count)
    {
        for (var expected = first; expected < first + count; expected++)
            Number(await client.ReadTextAsync(Patience)).Should().Be(expected);
    }

    /// <summary>1,000 bytes.</summary>
    private static RedisValue Payload(int number) => number.ToString(CultureInfo.InvariantCulture).PadRight(1_000);

    private static int Number(string payload) => int.Parse(payload, NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture);
}

/// <summary>On Redis.</summary>
[Trait(FaultSuite.Kind, FaultSuite.Long)]
public sealed class LoadFaultTests(ITestOutputHelper output) : LoadFaults(output, isEmbedded: false);

/// <summary>On the Redis inside Notifier.</summary>
[Trait(FaultSuite.Kind, FaultSuite.Long)]
public sealed class EmbeddedLoadFaultTests(ITestOutputHelper output) : LoadFaults(output, isEmbedded: true);
