using System.Net.Sockets;

namespace Notifier.Connections;

/// <summary>
/// Writes to the upgraded stream of ASP.NET Core: for TLS, for HTTP/2, and wherever another connection middleware uses the socket. The
/// stream's WriteAsync copies the bytes before it returns, and completes when Kestrel's transport has accepted them. Any exception means that the
/// transport is broken. It must not reach the owner, which would then never release the connection.
/// </summary>
/// <param name="stream">The upgraded stream.</param>
/// <param name="socket">The connection's socket, to measure progress.</param>
/// <param name="isShared">Whether the socket carries other streams too (HTTP/2).</param>
/// <param name="metered">The input of the TCP connection, or null if that is not limited.</param>
internal sealed class StreamTransport(Stream stream, Socket? socket, bool isShared, MeteredInput? metered = null) : Transport
{
    private readonly TcpProgress? progress = socket is null ? null : new TcpProgress(socket);
    private Task? pending;
    private long completedWrites;
    private volatile bool broken;

    public override bool IsReady => pending is null;

    public override Progress Progress
    {
        get
        {
            var acknowledged = progress?.BytesAcknowledged ?? 0;
            // Over HTTP/2 a write completes when the peer's flow control allows it.
            return new(acknowledged, isShared ? Interlocked.Read(ref completedWrites) : acknowledged);
        }
    }

    public override int TrySend(ReadOnlyMemory<byte> bytes)
    {
        if (broken)
            return bytes.Length;
        var slice = bytes.Length > Slice ? bytes[..Slice] : bytes;
        try
        {
            if (isShared)
                metered?.Credit(MeteredInput.WindowBytes);
            var write = stream.WriteAsync(slice);
            if (write.IsCompletedSuccessfully)
            {
                write.GetAwaiter().GetResult();     // required: returns the pooled object behind the ValueTask
                Interlocked.Increment(ref completedWrites);
            }
            else
                pending = write.AsTask();
            return slice.Length;
        }
        catch (Exception)   // see the summary
        {
            broken = true;
            return bytes.Length;
        }
    }

    public override async ValueTask WhenReadyAsync()
    {
        if (pending is not { } write)
            return;
        try
        {
            await write;
            Interlocked.Increment(ref completedWrites);
        }
        catch (Exception)   // see the summary
        {
            broken = true;
        }
        pending = null;
    }

    public override async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[TrySend(bytes)..];
            await WhenReadyAsync();
        }
    }
}
