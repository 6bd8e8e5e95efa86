using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.Names;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>Many clients at their worst, all at once. These take long: <c>./test.sh --faults</c> runs them.</summary>
public abstract class LoadFaults(ITestOutputHelper output, bool isEmbedded) : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private RedisServer redis = null!;
    private int turnedAway;

    public async Task InitializeAsync() => redis = await (isEmbedded ? RedisServer.StartEmbeddedAsync() : RedisServer.StartAsync());

    public async Task DisposeAsync() => await redis.DisposeAsync();

    [Fact]
    public async Task A_hundred_clients_that_stop_reading_are_closed_with_4508_and_900_others_lose_nothing()
    {
        const int messages = 5_000;
        const int burst = 500;
        const int kept = 1_000;
        // By a clock that stands still nobody is taken for gone, however slow this machine is.
        await using var app = await NotifierApp.StartAsync(
            redis.Configuration, time: new FakeTimeProvider(DateTimeOffset.UtcNow), settings: ["Redis:Linger=00:00:00", $"History:Recent:Messages={kept}"]);
        using var aftermath = new LeakCheck(app, redis);
        var others = await Clients.ConnectAsync(app, 900, "/ws?channel=burst");
        var stalled = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=burst"), receiveBuffer: 4096)));
        await redis.WhenChannelIsLiveAsync(app, "burst", 1_000);
        var started = Stopwatch.StartNew();

        for (var first = 0; first < messages; first += burst)
        {
            await redis.PublishAllAsync("burst", Enumerable.Range(first, burst).Select(Payload));
            await Task.WhenAll(others.Select(client => ExpectAsync(client, first, burst)));
        }
        output.WriteLine($"{messages * 900} messages delivered in {started.Elapsed.TotalSeconds:0.0} s beside 100 that had stopped.");

        foreach (var client in stalled)
        {
            var received = 0;
            Frame frame;
            while ((frame = await client.ReadMessageAsync()).Opcode != Frame.CloseOpcode)
                Number(frame.Text).Should().Be(received++);
            // How many a gap stands for nobody knows; on a machine that starves, the connection to Redis may have been lost for a moment.
            var lost = app.Log.Says("Redis reconnected: messages may have been lost") ? "" : $"{messages - kept - received} ";
            (frame.CloseCode, frame.CloseText).Should().BeOneOf((4508, $"too slow: {messages - kept - received} messages were lost"), (4508, $"too slow: {lost}messages were lost"));
        }
        await aftermath.RedisAndTheHubAgreeAsync(Name.Channel("burst"));
        await others.DisposeAllAsync();
        await stalled.DisposeAllAsync();
        await aftermath.NothingIsLeftAsync();
    }

    /// <summary>As many as this process may have files open, for the server is another one.</summary>
    [Fact]
    public async Task Ten_thousand_clients_that_connect_at_once_are_all_served_and_leave_nothing_behind()
    {
        var count = Math.Min(10_000, OpenFiles() - 1_000);
        await using var server = await ServerProcess.StartAsync(redis.Configuration, Listen.Plain, "Redis:Linger=00:00:00");
        var address = server.WebSocketAddress("/ws?channel=at.once");
        var resident = new List<long>();

        for (var time = 1; time <= 4; time++)
        {
            var started = Stopwatch.StartNew();
            var clients = await Task.WhenAll(Enumerable.Range(0, count).Select(_ => Task.Run(() => ArriveAsync(address)))).WaitAsync(Patience);
            var connected = started.Elapsed;
            await WhenAllSubscribeAsync(server, "at.once", count);
            started.Restart();
            await redis.PublishAsync("at.once", $"time {time}");
            await Task.WhenAll(clients.Select(async client => (await client.ReadTextAsync(Patience)).Should().Be($"time {time}")));
            output.WriteLine($"{count} connected in {connected.TotalSeconds:0.0} s, turned away and back {turnedAway} times so far; one message reached all in {started.Elapsed.TotalMilliseconds:0} ms.");

            foreach (var client in clients)
                client.Abort();
            await redis.IsEmptyAsync();
            await clients.DisposeAllAsync();
            resident.Add(server.ResidentBytes);
        }
        output.WriteLine($"RSS afterwards: {string.Join(", ", resident.Select(static bytes => bytes >> 20))} MiB.");
        // What of it is garbage depends on when the collector has run last.
        resident[2..].Min().Should().BeLessThan(resident[..2].Max() * 6 / 5, "it takes memory that is used again, and then no more");
        turnedAway.Should().BeLessThan(count / 10);
        Faults(server).Should().BeEmpty();
    }

    [Fact]
    public async Task Three_thousand_clients_reconnect_within_30_seconds_of_a_node_restart_and_receive_the_next_message()
    {
        const int herd = 3_000;
        var port = FreePort.Next();
        await using var first = await ServerProcess.StartAsync(redis.Configuration, Listen.Plain, $"urls=http://127.0.0.1:{port}");
        var address = first.WebSocketAddress("/ws?channel=herd");
        var clients = await Task.WhenAll(Enumerable.Range(0, herd).Select(_ => Task.Run(() => ArriveAsync(address)))).WaitAsync(Patience);
        await WhenAllSubscribeAsync(first, "herd", herd);
        await redis.PublishAsync("herd", "before");
        await Task.WhenAll(clients.Select(async client => (await client.ReadTextAsync(Patience)).Should().Be("before")));

        // Each tries four times a second: without the back-off and the jitter that notifier.js has.
        var coming = clients.Select(client => Task.Run(() => ComeBackAsync(client, address))).ToArray();
        var killed = Stopwatch.StartNew();
        first.Signal("KILL");
        await using var second = await ServerProcess.StartAsync(redis.Configuration, Listen.Plain, $"urls=http://127.0.0.1:{port}");
        var listening = killed.Elapsed;
        var back = await Task.WhenAll(coming).WaitAsync(Patience);
        var returned = killed.Elapsed;
        await WhenAllSubscribeAsync(second, "herd", herd);
        await redis.PublishAsync("herd", "after");
        await Task.WhenAll(back.Select(async client => (await client.ReadTextAsync(Patience)).Should().Be("after")));

        output.WriteLine($"{herd} were back {(returned - listening).TotalSeconds:0.0} s after the new process listened, and all heard the next message.");
        (returned - listening).Should().BeLessThan(TimeSpan.FromSeconds(30));
        await back.DisposeAllAsync();
        await clients.DisposeAllAsync();
        Faults(second).Should().BeEmpty();
    }

    [Fact]
    public async Task A_hundred_thousand_subscribes_and_unsubscribes_leave_nothing_behind_and_all_names_still_deliver()
    {
        const int operations = 100_000;
        const int clients = 50;
        Name[] names = [.. Enumerable.Range(0, 40).Select(n => n % 4 == 3 ? Name.Pattern($"churn.{n}?") : Name.Channel($"churn.{n}0"))];
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings:
            ["Redis:Linger=00:00:00", "Limits:CommandsPerSecond=1000000", "Limits:CommandBurst=1000000"]);
        using var aftermath = new LeakCheck(app, redis);
        using var over = new CancellationTokenSource();
        var sweeping = Task.Run(() =>
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
        await aftermath.NothingIsLeftAsync();
        await using var all = await JsonClient.ConnectAsync(app);
        foreach (var name in names.Where(static name => name.Kind == NameKind.Channel))
            await all.SubscribeAsync("channel", name.Text);
        foreach (var name in names.Where(static name => name.Kind == NameKind.Pattern))
            await all.SubscribeAsync("pattern", name.Text);
        await aftermath.RedisAndTheHubAgreeAsync(names);
        foreach (var n in Enumerable.Range(0, names.Length))
        {
            await redis.PublishAsync($"churn.{n}0", $"{n}");
            ((string)(await all.ReadAsync())["data"]!).Should().Be($"{n}");
        }
    }

    /// <summary>
    /// A handshake is answered before its name is subscribed, and plain text does not tell of that. On a machine that starves the last of ten thousand
    /// missed what was published when Redis had the name from the first.
    /// </summary>
    private async Task WhenAllSubscribeAsync(ServerProcess server, string channel, int count)
    {
        using var http = new HttpClient();
        await Eventually.IsAsync(async () => (int?)JsonNode.Parse(await http.GetStringAsync(new Uri(server.Address, "/stats")))!["names"]!["subscribers"] == count, "all subscribe");
        await Eventually.IsAsync(async () => await redis.SubscribersAsync(channel) == 1, "the channel is subscribed once");
    }

    /// <summary>Each is answered before the next; at the end it holds nothing.</summary>
    private static async Task ChurnAsync(JsonClient client, Name[] names, int operations, Random random)
    {
        var held = new HashSet<Name>();
        while (operations-- > 0)
        {
            var name = operations <= held.Count && held.Count > 0 ? held.First() : names[random.Next(names.Length)];
            var leaves = held.Contains(name);
            await client.SendAsync($$"""{"type":"{{(leaves ? "unsubscribe" : "subscribe")}}","{{(name.Kind == NameKind.Pattern ? "pattern" : "channel")}}":"{{name.Text}}"}""");
            ((string)(await client.ReadAsync())["type"]!).Should().Be(leaves ? "unsubscribed" : "subscribed");
            if (leaves)
                held.Remove(name);
            else
                held.Add(name);
        }
    }

    private async Task<RawWebSocket> ComeBackAsync(RawWebSocket client, Uri address)
    {
        try
        {
            while (await client.ReadFrameAsync(Patience) is not null)
            {
            }
        }
        catch (IOException)
        {
            // Killed.
        }
        return await ArriveAsync(address);
    }

    /// <summary>Connects, and again a quarter of a second later when nobody listens, or the kernel turns it away because too many wait.</summary>
    private async Task<RawWebSocket> ArriveAsync(Uri address)
    {
        using var limit = new CancellationTokenSource(Patience);
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(250));
        while (true)
        {
            try
            {
                return await RawWebSocket.ConnectAsync(address);
            }
            catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException or OperationCanceledException)
            {
                Interlocked.Increment(ref turnedAway);
                await pause.WaitForNextTickAsync(limit.Token);
            }
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

    /// <summary>A crowd on a machine that starves can keep the probe from hearing its echo: the connection to Redis is replaced, and a gap told.</summary>
    private static IEnumerable<string> Faults(ServerProcess server) => server.Output.Split('\n').Where(static line =>
        line.Contains("crit:", StringComparison.Ordinal)
        || (line.Contains("fail:", StringComparison.Ordinal) && !line.Contains("Notifier.Redis.RedisProbe", StringComparison.Ordinal)));

    private static int OpenFiles()
    {
        var line = File.ReadLines("/proc/self/limits").Single(static line => line.StartsWith("Max open files", StringComparison.Ordinal));
        return int.TryParse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3], CultureInfo.InvariantCulture, out var files) ? files : int.MaxValue;
    }
}

/// <summary>On Redis.</summary>
[Trait("Faults", "long")]
public sealed class LoadFaultTests(ITestOutputHelper output) : LoadFaults(output, isEmbedded: false);

/// <summary>On the Redis inside Notifier.</summary>
[Trait("Faults", "long")]
public sealed class EmbeddedLoadFaultTests(ITestOutputHelper output) : LoadFaults(output, isEmbedded: true);
