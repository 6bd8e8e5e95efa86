using System.Net.Sockets;

namespace Notifier.Connections;

/// <summary>
/// Writes directly to Kestrel's socket: a non-blocking send in the caller's thread, without a copy and without another thread.
/// Only for plain TCP over HTTP/1.1, where nothing else writes after the upgrade.
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
            socket.Blocking = false;    // Kestrel uses asynchronous calls only, which this does not change
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            broken = true;      // the peer reset the connection right after its handshake
        }
    }

    public override bool IsReady => true;

    public override Progress Progress
    {
        get
        {
            var acknowledged = progress.BytesAcknowledged;
            return new(acknowledged, acknowledged);
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
            // Kestrel has closed the socket, so the receive loop ends too.
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
