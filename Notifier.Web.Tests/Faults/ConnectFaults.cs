using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>Thousands of clients connect at once, to a server that is a process of its own. These take long: <c>./test.sh --faults</c> runs them.</summary>
public abstract class ConnectFaults(ITestOutputHelper output, bool isEmbedded) : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private RedisServer redis = null!;
    private int rejections;

    public async Task InitializeAsync() => redis = await (isEmbedded ? RedisServer.StartEmbeddedAsync() : RedisServer.StartAsync());

    public async Task DisposeAsync() => await redis.DisposeAsync();

    /// <summary>Fewer clients if this process may open fewer files. The server is another process.</summary>
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
            var clients = await Task.WhenAll(Enumerable.Range(0, count).Select(_ => Task.Run(() => ConnectAsync(address)))).WaitAsync(Patience);
            var connected = started.Elapsed;
            await WhenAllSubscribeAsync(server, "at.once", count);
            started.Restart();
            await redis.PublishAsync("at.once", $"time {time}");
            await Task.WhenAll(clients.Select(async client => (await client.ReadTextAsync(Patience)).Should().Be($"time {time}")));
            output.WriteLine($"{count} connected in {connected.TotalSeconds:0.0} s, rejected and connected again {rejections} times so far; one message reached all in {started.Elapsed.TotalMilliseconds:0} ms.");

            foreach (var client in clients)
                client.Abort();
            await redis.IsEmptyAsync();
            await clients.DisposeAllAsync();
            resident.Add(server.ResidentBytes);
        }
        output.WriteLine($"RSS afterwards: {string.Join(", ", resident.Select(static bytes => bytes >> 20))} MiB.");
        // How much of the memory is garbage depends on when the collector ran last.
        resident[2..].Min().Should().BeLessThan(resident[..2].Max() * 6 / 5, "the server reuses its memory and needs no more");
        rejections.Should().BeLessThan(count / 10);
        Errors(server).Should().BeEmpty();
    }

    [Fact]
    public async Task Three_thousand_clients_reconnect_within_30_seconds_of_a_node_restart_and_receive_the_next_message()
    {
        const int herd = 3_000;
        var port = FreePort.Next();
        await using var first = await ServerProcess.StartAsync(redis.Configuration, Listen.Plain, $"urls=http://127.0.0.1:{port}");
        var address = first.WebSocketAddress("/ws?channel=herd");
        var clients = await Task.WhenAll(Enumerable.Range(0, herd).Select(_ => Task.Run(() => ConnectAsync(address)))).WaitAsync(Patience);
        await WhenAllSubscribeAsync(first, "herd", herd);
        await redis.PublishAsync("herd", "before");
        await Task.WhenAll(clients.Select(async client => (await client.ReadTextAsync(Patience)).Should().Be("before")));

        // Each client tries four times a second, without the back-off and the jitter of notifier.js.
        var reconnecting = clients.Select(client => Task.Run(() => ReconnectAsync(client, address))).ToArray();
        var killed = Stopwatch.StartNew();
        first.Signal("KILL");
        await using var second = await ServerProcess.StartAsync(redis.Configuration, Listen.Plain, $"urls=http://127.0.0.1:{port}");
        var listening = killed.Elapsed;
        var back = await Task.WhenAll(reconnecting).WaitAsync(Patience);
        var returned = killed.Elapsed;
        await WhenAllSubscribeAsync(second, "herd", herd);
        await redis.PublishAsync("herd", "after");
        await Task.WhenAll(back.Select(async client => (await client.ReadTextAsync(Patience)).Should().Be("after")));

        output.WriteLine($"{herd} were back {(returned - listening).TotalSeconds:0.0} s after the new process listened, and all received the next message.");
        (returned - listening).Should().BeLessThan(TimeSpan.FromSeconds(30));
        await back.DisposeAllAsync();
        await clients.DisposeAllAsync();
        Errors(second).Should().BeEmpty();
    }

    /// <summary>
    /// Notifier answers a handshake before it subscribes the name, and confirms no subscribe in plain text. On an overloaded machine, the last of ten thousand
    /// clients missed a message that was published once Redis had the name of the first one.
    /// </summary>
    private async Task WhenAllSubscribeAsync(ServerProcess server, string channel, int count)
    {
        using var http = new HttpClient();
        await Eventually.IsAsync(async () => (int?)JsonNode.Parse(await http.GetStringAsync(new Uri(server.Address, "/stats")))!["names"]!["subscribers"] == count, "all subscribe");
        await Eventually.IsAsync(async () => await redis.SubscribersAsync(channel) == 1, "the channel is subscribed once");
    }

    private async Task<RawWebSocket> ReconnectAsync(RawWebSocket client, Uri address)
    {
        try
        {
            while (await client.ReadFrameAsync(Patience) is not null)
            {
            }
        }
        catch (IOException)
        {
            // The test killed the server.
        }
        return await ConnectAsync(address);
    }

    /// <summary>Connects. If no process listens, or the backlog of the kernel is full, the client tries again a quarter of a second later.</summary>
    private async Task<RawWebSocket> ConnectAsync(Uri address)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            try
            {
                return await RawWebSocket.ConnectAsync(address);
            }
            catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException or OperationCanceledException)
            {
                Interlocked.Increment(ref rejections);
                await RealTime.PassesAsync(TimeSpan.FromMilliseconds(250), limit.Token);
            }
        }
    }

    /// <summary>Errors in the log, except for the probe's: on an overloaded machine its echo may be late, and Notifier replaces the connection to Redis.</summary>
    private static IEnumerable<string> Errors(ServerProcess server) => server.Output.Split('\n').Where(static line =>
        line.Contains("crit:", StringComparison.Ordinal)
        || (line.Contains("fail:", StringComparison.Ordinal) && !line.Contains("Notifier.Redis.RedisProbe", StringComparison.Ordinal)));

    private static int OpenFiles()
    {
        var line = File.ReadLines("/proc/self/limits").Single(static line => line.StartsWith("Max open files", StringComparison.Ordinal));
        return int.TryParse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3], CultureInfo.InvariantCulture, out var files) ? files : int.MaxValue;
    }
}

/// <summary>On Redis.</summary>
[Trait(FaultSuite.Kind, FaultSuite.Long)]
public sealed class ConnectFaultTests(ITestOutputHelper output) : ConnectFaults(output, isEmbedded: false);

/// <summary>On the Redis inside Notifier.</summary>
[Trait(FaultSuite.Kind, FaultSuite.Long)]
public sealed class EmbeddedConnectFaultTests(ITestOutputHelper output) : ConnectFaults(output, isEmbedded: true);
