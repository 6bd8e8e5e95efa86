using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Operations;

/// <summary>Each of two nodes behind a proxy restarts. Its clients reconnect to the other node, spread over time.</summary>
public sealed class RollingRestartTests(RedisFixture fixture, ITestOutputHelper output) : IClassFixture<RedisFixture>
{
    private const int Clients = 400;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(4);

    [Fact]
    public async Task A_rolling_restart_moves_all_clients_without_a_storm_of_reconnects()
    {
        await using var old = await StartAsync();
        await using var other = await StartAsync();
        using var proxy = new ReadyNodes(old.Address);
        var returns = new ConcurrentQueue<TimeSpan>();
        var clock = new Stopwatch();
        var connected = 0;
        var clients = Enumerable.Range(0, Clients).Select(_ => Task.Run(async () =>
        {
            await using var before = await RawWebSocket.ConnectAsync(proxy.Address);
            Interlocked.Increment(ref connected);
            await ComeBackAsync(before);
            await using var meanwhile = await RawWebSocket.ConnectAsync(proxy.Address);
            returns.Enqueue(clock.Elapsed);
            Interlocked.Increment(ref connected);
            await ComeBackAsync(meanwhile);
            await using var after = await RawWebSocket.ConnectAsync(proxy.Address);
            returns.Enqueue(clock.Elapsed);
        })).ToList();
        await Eventually.IsAsync(() => connected == Clients, "all clients are connected");

        clock.Start();
        proxy.Only(other.Address);
        old.Terminate();
        await Eventually.IsAsync(() => connected == 2 * Clients, "all clients are connected to the other node", TimeSpan.FromSeconds(60));
        (await old.WaitForExitAsync(TimeSpan.FromSeconds(10))).Should().Be(0, old.Output);
        await using var renewed = await StartAsync();
        proxy.Only(renewed.Address);
        other.Terminate();
        await Task.WhenAll(clients).WaitAsync(TimeSpan.FromSeconds(60));
        (await other.WaitForExitAsync(TimeSpan.FromSeconds(10))).Should().Be(0, other.Output);

        var busiest = BusiestSecond([.. returns.Order()]);
        output.WriteLine($"{Clients} clients came back twice within {returns.Max().TotalSeconds:0.0} s, at most {busiest} in any one second.");
        returns.Should().HaveCount(2 * Clients);
        busiest.Should().BeLessThan((int)(2 * Clients / Period.TotalSeconds));
    }

    private Task<ServerProcess> StartAsync() => ServerProcess.StartAsync(fixture.Redis.Configuration, Listen.Plain, $"Operations:DrainPeriod={Period:c}");

    /// <summary>Does what every client does after a close: waits for the given delay.</summary>
    private static async Task ComeBackAsync(RawWebSocket client)
    {
        var close = await client.ReadUntilCloseAsync(TimeSpan.FromSeconds(60));
        close.CloseCode.Should().Be(4601);
        await client.SendCloseAsync(4601);
        await RealTime.PassesAsync(TimeSpan.FromSeconds(double.Parse(close.CloseText["retryAfter=".Length..], CultureInfo.InvariantCulture)));
    }

    /// <summary>The largest number of reconnects within any one second.</summary>
    private static int BusiestSecond(TimeSpan[] ordered)
    {
        var (most, first) = (0, 0);
        for (var last = 0; last < ordered.Length; last++)
        {
            while (ordered[last] - ordered[first] >= TimeSpan.FromSeconds(1))
                first++;
            most = Math.Max(most, last - first + 1);
        }
        return most;
    }

    /// <summary>A TCP load balancer that sends new connections to one node.</summary>
    private sealed class ReadyNodes : IDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);
        private volatile Uri target;

        public ReadyNodes(Uri first)
        {
            target = first;
            listener.Start(backlog: 512);
            _ = AcceptAsync();
        }

        public Uri Address => new($"ws://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/ws?channel=rolling");

        public void Only(Uri node) => target = node;

        public void Dispose() => listener.Stop();

        private async Task AcceptAsync()
        {
            while (true)
            {
                Socket client;
                try
                {
                    client = await listener.AcceptSocketAsync();
                }
                catch (Exception error) when (error is SocketException or ObjectDisposedException)
                {
                    return;
                }
                var node = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await node.ConnectAsync(target.Host, target.Port);
                _ = PumpAsync(client, node);
                _ = PumpAsync(node, client);
            }
        }

        private static async Task PumpAsync(Socket from, Socket to)
        {
            var buffer = new byte[4096];
            try
            {
                int length;
                while ((length = await from.ReceiveAsync(buffer.AsMemory())) > 0)
                    await to.SendAsync(buffer.AsMemory(0, length));
                to.Shutdown(SocketShutdown.Send);
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                from.Dispose();
                to.Dispose();
            }
        }
    }
}
