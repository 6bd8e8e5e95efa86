using System.Net.Sockets;

namespace Notifier.Connections;

/// <summary>
/// Straight to Kestrel's socket: a non-blocking send in the caller's thread, without a copy and without another thread.
/// For plain TCP over HTTP/1.1, where after the upgrade nobody else writes.
/// </summary>
internal sealed class SocketTransport : Transport
{
    private readonly Socket socket;
    private readonly TcpProgress progress;
    private volatile bool broken;

    public SocketTransport(Socket socket)
    {
        this.socket = socket;
        progress = new TcpProgress(socket);
        try
        {
            socket.Blocking = false;    // Kestrel itself only uses asynchronous calls, which do not care
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            broken = true;      // the peer reset it right after its handshake
        }
    }

    public override bool IsReady => true;

    public override Progress Progress
    {
        get
        {
            var taken = progress.BytesTaken;
            return new(taken, taken);
        }
    }

    public override ValueTask WhenReadyAsync() => ValueTask.CompletedTask;

    public override int TrySend(ReadOnlyMemory<byte> bytes)
    {
        if (broken)
            return bytes.Length;
        try
        {
            var sent = socket.Send(bytes.Span, SocketFlags.None, out var error);
            switch (error)
            {
                case SocketError.Success:
                    return sent;
                case SocketError.WouldBlock:
                    return 0;
            }
        }
        catch (ObjectDisposedException)
        {
            // Kestrel closed it; the receive loop is being told.
        }
        broken = true;
        return bytes.Length;
    }

    public override async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            while (!broken && bytes.Length > 0)
                bytes = bytes[await socket.SendAsync(bytes, SocketFlags.None)..];
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            broken = true;
        }
    }
}
