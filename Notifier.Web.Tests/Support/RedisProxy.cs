using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Notifier.Tests.Support;

/// <summary>
/// Stands between the application and Redis. It can make connections half-open, and deaf in a way that the library cannot see: pings are
/// answered, and what was published does not arrive.
/// </summary>
internal sealed class RedisProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly int redis;
    private readonly CancellationTokenSource ended = new();
    private volatile int deafBefore;
    private volatile int lostBefore;
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
            await server.ConnectAsync(IPAddress.Loopback, redis);
            var number = Interlocked.Increment(ref connections);
            _ = PumpAsync(client, server, _ => number > lostBefore);
            _ = PumpAsync(server, client, chunk => number > lostBefore && (number > deafBefore || !HasMessage(chunk.Span)));
        }
    }

    /// <summary>Redis writes what it delivers at once, apart from answers, while little is going on.</summary>
    private static bool HasMessage(ReadOnlySpan<byte> chunk) => Encoding.ASCII.GetString(chunk).Contains("message\r\n", StringComparison.Ordinal);

    private async Task PumpAsync(Socket from, Socket to, Func<ReadOnlyMemory<byte>, bool> passes)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            int length;
            while ((length = await from.ReceiveAsync(buffer.AsMemory(), ended.Token)) > 0)
            {
                var chunk = buffer.AsMemory(0, length);
                if (passes(chunk))
                    await to.SendAsync(chunk, ended.Token);
            }
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // One end is gone.
        }
        from.Dispose();
        to.Dispose();
    }
}
