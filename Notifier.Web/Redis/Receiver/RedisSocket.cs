using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace Notifier.Redis.Receiver;

/// <summary>
/// A connection to Redis that is read by a thread which waits in the kernel, and written to by whoever wants, without waiting. With TLS where that
/// is asked for.
/// </summary>
/// <remarks>
/// A socket of Notifier's own is connected and read synchronously: one that was ever used asynchronously stays non-blocking for good, and each receive is
/// then a hop from .NET's socket thread. (With <see cref="RedisTransport.Stream"/> the socket is the library's, and that hop is there.)
/// </remarks>
internal sealed class RedisSocket : IThreadPoolWorkItem
{
    private readonly Socket socket;

    /// <summary>What stands between the socket and us; null for nothing.</summary>
    private readonly Stream? stream;

    private readonly Lock gate = new();
    private byte[] waiting = new byte[1024];    // under the lock
    private int waitingLength;
    private byte[] sending = new byte[1024];    // of whoever sends
    private bool isSending;
    private volatile bool isClosed;

    /// <param name="socket">Connected.</param>
    /// <param name="stream">What stands between it and us; null for nothing.</param>
    public RedisSocket(Socket socket, Stream? stream = null)
    {
        this.socket = socket;
        this.stream = stream;
    }

    public bool IsEncrypted => stream is SslStream { IsEncrypted: true };

    /// <summary>Connects, by a thread of its own: a name may be looked up, and each of its addresses tried.</summary>
    /// <param name="endpoint">Where to.</param>
    /// <param name="within">For all of it.</param>
    /// <param name="prepare">Is given the socket before it connects.</param>
    /// <param name="wrap">Puts something between the socket and us.</param>
    /// <exception cref="SocketException">It cannot be reached, or not within that time.</exception>
    public static async Task<RedisSocket> ConnectAsync(EndPoint endpoint, TimeSpan within, Action<Socket> prepare, Func<Socket, Stream?> wrap)
    {
        var socket = endpoint.AddressFamily == AddressFamily.Unix
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        RedisSocket? connected = null;
        try
        {
            prepare(socket);
            var connecting = Task.Factory.StartNew(
                () =>
                {
                    socket.Connect(endpoint);
                    return wrap(socket);
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            _ = connecting.ContinueWith(static failed => _ = failed.Exception, TaskContinuationOptions.OnlyOnFaulted);  // perhaps too late for anybody
            return connected = new RedisSocket(socket, await connecting.WaitAsync(within));
        }
        catch (TimeoutException)
        {
            throw new SocketException((int)SocketError.TimedOut);
        }
        finally
        {
            if (connected is null)
                socket.Dispose();       // which ends the thread, too
        }
    }

    /// <summary>Waits for bytes. Zero when the connection has ended.</summary>
    public int Receive(Span<byte> room) => isClosed ? 0 : stream is null ? socket.Receive(room) : stream.Read(room);

    /// <summary>
    /// Waits until there are so many bytes, or the end; no longer than that time, in whole milliseconds. Linux wakes the thread once, when all are there;
    /// elsewhere it always takes the whole time. (With TLS and unix sockets it may end before.)
    /// </summary>
    public void WaitFor(int bytes, TimeSpan time)
    {
        if (isClosed)
            return;
        if (OperatingSystem.IsLinux())
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReceiveLowWater, bytes);
            socket.Poll(time, SelectMode.SelectRead);
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReceiveLowWater, 1);
        }
        else
        {
            Thread.Sleep(time);
        }
    }

    /// <summary>
    /// Takes what is there without waiting; zero when there is nothing. (With TLS it may wait for the rest of a record, which is on its way, and may miss
    /// bytes that are decrypted already: <see cref="Receive"/> returns them.)
    /// </summary>
    public int Poll(Span<byte> room) => !isClosed && socket.Available > 0 ? Receive(room) : 0;

    /// <summary>Copies what is to be sent. False when the connection has ended.</summary>
    public bool Write(ReadOnlySpan<byte> bytes)
    {
        if (isClosed)
            return false;
        lock (gate)
        {
            if (waiting.Length - waitingLength < bytes.Length)
                Array.Resize(ref waiting, Math.Max(waiting.Length * 2, waitingLength + bytes.Length));
            bytes.CopyTo(waiting.AsSpan(waitingLength));
            waitingLength += bytes.Length;
            if (isSending)
                return true;
            isSending = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return true;
    }

    /// <summary>Ends it: whoever waits for bytes gets none.</summary>
    public void Close()
    {
        isClosed = true;
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // It has ended already.
        }
    }

    /// <summary>Called by the thread that reads, when it reads no more; or when there never was one.</summary>
    public void Dispose()
    {
        isClosed = true;
        stream?.Dispose();
        socket.Dispose();
    }

    void IThreadPoolWorkItem.Execute()
    {
        while (true)
        {
            int length;
            lock (gate)
            {
                length = waitingLength;
                if (length == 0)
                {
                    isSending = false;
                    return;
                }
                (waiting, sending, waitingLength) = (sending, waiting, 0);
            }
            try
            {
                Send(sending.AsSpan(0, length));
            }
            catch (Exception error) when (error is SocketException or IOException or ObjectDisposedException or InvalidOperationException)
            {
                Close();        // the thread that reads tells of it
            }
        }
    }

    private void Send(ReadOnlySpan<byte> bytes)
    {
        if (stream is not null)
        {
            stream.Write(bytes);
            stream.Flush();
            return;
        }
        while (bytes.Length > 0)
            bytes = bytes[socket.Send(bytes)..];
    }
}
