using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Notifier.Connections;

/// <summary>
/// Straight to Kestrel's socket: a non-blocking send in the caller's thread, without a copy and without another thread.
/// For plain TCP over HTTP/1.1, where after the upgrade nobody else writes.
/// </summary>
internal sealed partial class SocketLane : Lane
{
    private readonly Socket socket;
    private readonly SafeSocketHandle handle;
    private readonly TcpProgress progress;
    private volatile bool broken;

    public SocketLane(Socket socket)
    {
        this.socket = socket;
        handle = socket.SafeHandle;
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

    public override int Offer(ReadOnlyMemory<byte> bytes)
    {
        if (broken)
            return bytes.Length;
        if (OperatingSystem.IsLinux())
            return OfferToLinux(bytes.Span);
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

    /// <summary>The same by the system call itself: with many private channels a twentieth of the time was .NET's way to it.</summary>
    private int OfferToLinux(ReadOnlySpan<byte> bytes)
    {
        const int dontWait = 0x40;
        const int noSignal = 0x4000;
        const int interrupted = 4;
        const int again = 11;
        try
        {
            while (true)
            {
                var sent = Send(handle, bytes, (nuint)bytes.Length, dontWait | noSignal);
                if (sent >= 0)
                    return (int)sent;
                switch (Marshal.GetLastPInvokeError())
                {
                    case interrupted:
                        continue;
                    case again:
                        return 0;
                }
                break;
            }
        }
        catch (ObjectDisposedException)
        {
            // Kestrel closed it; the receive loop is being told.
        }
        broken = true;
        return bytes.Length;
    }

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint Send(SafeSocketHandle socket, ReadOnlySpan<byte> bytes, nuint length, int flags);

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
