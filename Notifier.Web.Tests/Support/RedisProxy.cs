using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Notifier.Tests.Support;

/// <summary>
/// Stands between the application and Redis. It can make connections half-open, and deaf in a way that the library cannot see: pings are
/// answered, and what was published does not arrive. It can be a bad network too: slow, narrow, in pieces, cut again and again.
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

    /// <summary>How many connections there have been.</summary>
    public int Connections => Volatile.Read(ref connections);

    /// <summary>The connections that are there hear nothing any more; those that come do.</summary>
    public void Deafen() => deafBefore = Connections;

    /// <summary>Nor do those that come.</summary>
    public void DeafenAll() => deafBefore = int.MaxValue;

    /// <summary>The connections that are there carry nothing any more, in either direction, and neither end is told: half-open.</summary>
    public void BlackHole() => lostBefore = Connections;

    /// <summary>How long each piece is under way.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>How many bytes are passed on at once.</summary>
    public int Slice { get; set; } = int.MaxValue;

    /// <summary>How many bytes a second a connection carries towards the application.</summary>
    public int BytesPerSecond { get; set; } = int.MaxValue;

    /// <summary>All connections end with a reset.</summary>
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
                client.Close(0);    // it is not there, and the next one may find it
                continue;
            }
            var number = Interlocked.Increment(ref connections);
            open[client] = open[server] = number;
            _ = PumpAsync(client, server, static () => int.MaxValue, _ => number > lostBefore);
            _ = PumpAsync(server, client, () => BytesPerSecond, chunk => number > lostBefore && (number > deafBefore || !HasMessage(chunk.Span)));
        }
    }

    /// <summary>Redis writes what it delivers at once, apart from answers, while little is going on.</summary>
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
                    await Task.Delay(Delay, ended.Token);
                if (passes(chunk))
                    await SendAsync(to, chunk, perSecond);
            }
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // One end is gone.
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
            // Twenty times a second, where there is a rate.
            var length = Math.Min(chunk.Length, Math.Min(Slice, rate == int.MaxValue ? int.MaxValue : Math.Max(1, rate / 20)));
            await to.SendAsync(chunk[..length], ended.Token);
            chunk = chunk[length..];
            if (rate != int.MaxValue)
                await Task.Delay(50, ended.Token);
        }
    }
}
