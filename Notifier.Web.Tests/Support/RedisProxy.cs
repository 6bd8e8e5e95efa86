using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Notifier.Tests.Support;

/// <summary>
/// A proxy between the application and Redis. It can make connections half-open, or deaf in a way that the library does not see: pings are
/// answered, but messages do not arrive. It can also simulate a bad network: slow, narrow, fragmented, or interrupted again and again.
/// </summary>
internal sealed class RedisProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly int redis;
    private readonly CancellationTokenSource ended = new();
    private volatile int deafBefore;
    private volatile int lostBefore;
    private readonly ConcurrentDictionary<Socket, int> open = [];
    private int connections;

    public RedisProxy(int redis)
    {
        this.redis = redis;
        listener.Start();
        _ = AcceptAsync();
    }

    public string Configuration => $"127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";

    /// <summary>The number of connections so far.</summary>
    public int Connections => Volatile.Read(ref connections);

    /// <summary>Open connections receive no more messages. New connections do.</summary>
    public void Deafen() => deafBefore = Connections;

    /// <summary>Open and new connections receive no messages.</summary>
    public void DeafenAll() => deafBefore = int.MaxValue;

    /// <summary>Open connections carry no bytes in either direction, and neither end is notified: they are half-open.</summary>
    public void BlackHole() => lostBefore = Connections;

    /// <summary>The delay of each piece.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>The largest number of bytes in one piece.</summary>
    public int Slice { get; set; } = int.MaxValue;

    /// <summary>The number of bytes a second that a connection carries towards the application.</summary>
    public int BytesPerSecond { get; set; } = int.MaxValue;

    /// <summary>Resets all connections.</summary>
    public void Reset()
    {
        foreach (var socket in open.Keys)
            socket.Close(0);
    }

    public async ValueTask DisposeAsync()
    {
        await ended.CancelAsync();
        listener.Stop();
    }

    private async Task AcceptAsync()
    {
        while (!ended.IsCancellationRequested)
        {
            var client = await listener.AcceptSocketAsync(ended.Token);
            var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            client.NoDelay = true;
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, redis);
            }
            catch (SocketException)
            {
                client.Close(0);    // Redis is away, but the next connection may reach it
                continue;
            }
            var number = Interlocked.Increment(ref connections);
            open[client] = open[server] = number;
            _ = PumpAsync(client, server, static () => int.MaxValue, _ => number > lostBefore);
            _ = PumpAsync(server, client, () => BytesPerSecond, chunk => number > lostBefore && (number > deafBefore || !HasMessage(chunk.Span)));
        }
    }

    /// <summary>Redis writes messages and answers separately while it is not busy.</summary>
    private static bool HasMessage(ReadOnlySpan<byte> chunk) => Encoding.ASCII.GetString(chunk).Contains("message\r\n", StringComparison.Ordinal);

    private async Task PumpAsync(Socket from, Socket to, Func<int> perSecond, Func<ReadOnlyMemory<byte>, bool> passes)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            int length;
            while ((length = await from.ReceiveAsync(buffer.AsMemory(), ended.Token)) > 0)
            {
                var chunk = buffer.AsMemory(0, length);
                if (Delay > TimeSpan.Zero)
                    await RealTime.PassesAsync(Delay, ended.Token);
                if (passes(chunk))
                    await SendAsync(to, chunk, perSecond);
            }
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // One end has closed.
        }
        from.Dispose();
        to.Dispose();
        open.TryRemove(from, out _);
    }

    private async Task SendAsync(Socket to, ReadOnlyMemory<byte> chunk, Func<int> perSecond)
    {
        while (chunk.Length > 0)
        {
            var rate = perSecond();
            // With a rate limit, forwards twenty times a second.
            var length = Math.Min(chunk.Length, Math.Min(Slice, rate == int.MaxValue ? int.MaxValue : Math.Max(1, rate / 20)));
            await to.SendAsync(chunk[..length], ended.Token);
            chunk = chunk[length..];
            if (rate != int.MaxValue)
                await RealTime.PassesAsync(TimeSpan.FromMilliseconds(50), ended.Token);
        }
    }
}
