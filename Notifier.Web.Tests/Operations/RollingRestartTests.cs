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

/// <summary>Two nodes behind a proxy, one of which is restarted: its clients come to the other, in their own time.</summary>
[Collection(UsesRedis.Name)]
public sealed class RollingRestartTests(RedisFixture fixture, ITestOutputHelper output)
{
    private const int Clients = 400;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(4);

    [Fact]
    public async Task The_clients_of_a_node_that_goes_away_come_back_without_a_storm()
    {
        await using var first = await ServerProcess.StartAsync(fixture.Redis.Configuration, Listen.Plain, "Operations:DrainPeriod=00:00:04");
        await using var second = await ServerProcess.StartAsync(fixture.Redis.Configuration, Listen.Plain);
        using var proxy = new ReadyNodes(first.Address);
        using var enough = new CancellationTokenSource();
        var returns = new ConcurrentQueue<TimeSpan>();
        var clock = new Stopwatch();
        var connected = 0;
        var clients = Enumerable.Range(0, Clients).Select(_ => Task.Run(async () =>
        {
            await using var before = await RawWebSocket.ConnectAsync(proxy.Address);
            Interlocked.Increment(ref connected);
            var close = await before.ReadUntilCloseAsync(TimeSpan.FromSeconds(60));
            close.CloseCode.Should().Be(4601);
            await before.SendCloseAsync(4601);
            // What every client does, with the number that it was given.
            await Task.Delay(TimeSpan.FromSeconds(double.Parse(close.CloseText["retryAfter=".Length..], CultureInfo.InvariantCulture)), enough.Token);
            await using var after = await RawWebSocket.ConnectAsync(proxy.Address);
            returns.Enqueue(clock.Elapsed);
        })).ToList();
        await Eventually.IsAsync(() => connected == Clients, "all are connected");

        clock.Start();
        proxy.Only(second.Address);
        first.Terminate();
        second.Output.Should().NotContain("Going away");
        await Task.WhenAll(clients).WaitAsync(TimeSpan.FromSeconds(60));

        (await first.WaitForExitAsync(TimeSpan.FromSeconds(10))).Should().Be(0, first.Output);
        var busiest = returns.GroupBy(time => (int)time.TotalSeconds).Max(second => second.Count());
        output.WriteLine($"{Clients} clients came back within {returns.Max().TotalSeconds:0.0} s, at most {busiest} in one second.");
        busiest.Should().BeLessThan((int)(2 * Clients / Period.TotalSeconds));
        await enough.CancelAsync();
    }

    /// <summary>A load balancer for TCP.</summary>
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
