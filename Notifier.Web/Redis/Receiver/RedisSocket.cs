using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace Notifier.Redis.Receiver;

/// <summary>
/// A connection to Redis. A thread that waits in the kernel reads it, and any thread writes to it without waiting. With TLS if configured.
/// </summary>
/// <remarks>
/// A socket of Notifier's own is connected and read synchronously: one that was ever used asynchronously stays non-blocking, and then
/// .NET's socket thread has to wake the reader for each receive. (With <see cref="RedisTransport.Stream"/> the socket is the library's, and that happens.)
/// </remarks>
internal sealed class RedisSocket : IThreadPoolWorkItem
{
    private readonly Socket socket;

    /// <summary>The TLS or tunnel stream on top of the socket, or null.</summary>
    private readonly Stream? stream;

    private readonly Lock gate = new();
    private byte[] waiting = new byte[1024];    // under the lock
    private int waitingLength;
    private byte[] sending = new byte[1024];    // used by the thread that sends
    private bool isSending;
    private volatile bool isClosed;

    /// <param name="socket">Connected.</param>
    /// <param name="stream">The TLS or tunnel stream on top of it, or null.</param>
    public RedisSocket(Socket socket, Stream? stream = null)
    {
        this.socket = socket;
        this.stream = stream;
    }

    public bool IsEncrypted => stream is SslStream { IsEncrypted: true };

    /// <summary>Connects on a separate thread, because looking up a host name and trying each of its addresses may block.</summary>
    /// <param name="endpoint">Where to.</param>
    /// <param name="within">The limit for all of that.</param>
    /// <param name="prepare">Called with the socket before it connects.</param>
    /// <param name="wrap">Returns a stream on top of the connected socket, or null.</param>
    /// <exception cref="SocketException">The endpoint cannot be reached, or not within that time.</exception>
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
            _ = connecting.ContinueWith(static failed => _ = failed.Exception, TaskContinuationOptions.OnlyOnFaulted);  // which may come after the time-out
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
    /// Waits until that many bytes have arrived, the connection has ended, or the time (in whole milliseconds) is over. Linux wakes the thread once, when all
    /// bytes have arrived. Elsewhere the wait always takes the whole time. (With TLS and unix sockets it may end earlier.)
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
    /// Reads without waiting. Zero when there is nothing. (With TLS the read may wait for the rest of a record. It may also miss bytes that are
    /// already decrypted: <see cref="Receive"/> returns them.)
    /// </summary>
    public int Poll(Span<byte> room) => !isClosed && socket.Available > 0 ? Receive(room) : 0;

    /// <summary>Copies the bytes, and sends them soon. False when the connection has ended.</summary>
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

    /// <summary>Ends the connection: a thread that waits for bytes returns with none.</summary>
    public void Close()
    {
        isClosed = true;
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The connection has ended already.
        }
    }

    /// <summary>Called by the thread that reads, when it stops reading; or by another, if no thread ever read.</summary>
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
                Close();        // the thread that reads reports the end
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
