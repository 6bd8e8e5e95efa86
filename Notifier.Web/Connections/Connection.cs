using System.Collections.Concurrent;
using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// One peer. Whoever <b>holds</b> it owns its writes and the cursors of its feeds, and nobody waits for that: who finds it
/// held leaves a wish, and the owner does it before it lets go.
/// </summary>
/// <remarks>
/// Who holds it and what is wished for are one word (<see cref="OwnerState"/>). At the end of the request the connection is
/// retired: held for ever, by nobody.
/// </remarks>
internal sealed partial class Connection(Transport transport, WireFormat format, Action abort, TimeProvider time, ILogger logger)
    : IThreadPoolWorkItem, IChunkedSetMember
{
    private readonly FrameWriter writer = new(transport, format);
    private FrameSources sources;
    private readonly Lock aborting = new();
    private OwnerState state;
    private bool isClosed;
    private ConcurrentQueue<Action>? actions;
    private byte[]? pong;
    private PendingClose? closing;
    private TaskCompletionSource? closed;
    private TaskCompletionSource? retired;

    int IChunkedSetMember.Place { get; set; }

    /// <summary>For the liveness sweep: what it last saw of this connection.</summary>
    public Pulse Pulse;

    /// <summary>In which second of each ping interval its ping is sent. Set by the registry.</summary>
    public int PingTurn { get; set; }

    /// <summary>Changes with each read from the peer. Written by the receive loop alone.</summary>
    public int Reads { get; private set; }

    public Transport Transport => transport;

    public WireFormat Format => format;

    /// <summary>How it came. Told by what it was made of, for a field would cost memory in each.</summary>
    public TransportKind TransportKind => transport is SocketTransport ? TransportKind.WebSocket : format is EventStream ? TransportKind.EventStream : TransportKind.WebSocketStream;

    /// <summary>What it has been sent. Anybody may read it.</summary>
    public Sent Sent => writer.Sent;

    /// <summary>How much of that has been counted. For the counters, under its lock.</summary>
    public Sent Counted { get; set; }

    /// <summary>Whom it counts for; nobody, where addresses tell nothing. Set before anybody knows of it.</summary>
    public ClientAddress Address { get; init; }

    /// <summary>Whose it is, and until when; null where that is nobody, for ever. Set before anybody knows of it.</summary>
    public ConnectionAccess? Access { get; set; }

    /// <summary>Why we close it, or null. Set once, by whoever asked first.</summary>
    public CloseReason? CloseAsked => closing?.Reason;

    /// <summary>Completes when the close was sent, or never will be.</summary>
    public Task Closed => CloseSent.Task;

    private TaskCompletionSource CloseSent => LazyInitializer.EnsureInitialized(
        ref closed, static () => new(TaskCreationOptions.RunContinuationsAsynchronously));

    /// <summary>How long the close has been asked for; zero when it has not.</summary>
    public TimeSpan ClosingFor => closing is { } asked ? time.GetElapsedTime(asked.AskedAt) : TimeSpan.Zero;

    // ---- holding -----------------------------------------------------------------------------------------------------

    /// <summary>Becomes the owner, unless somebody is. Never waits. <see cref="Release"/> must follow.</summary>
    public bool TryAcquire() => state.TryAcquire();

    /// <summary>
    /// Lets go, after doing what others have asked for meanwhile; or hands the connection over to whoever goes on with it:
    /// the end of a write, or a turn of catching up.
    /// </summary>
    public void Release()
    {
        while (true)
        {
            if (!writer.IsReady)
            {
                var finish = writer.FinishAsync();
                if (!finish.IsCompletedSuccessfully)
                {
                    _ = ReleaseAfterAsync(finish);
                    return;
                }
                continue;
            }
            if (isClosed)
                CloseSent.TrySetResult();
            if (state.TryRelease())
                return;
            if (state.TryTake(PendingWork.Action))
            {
                RunAction();    // also before retirement: it may be one that gives something back
                continue;
            }
            if (state.TryTake(PendingWork.Retire))
            {
                retired!.TrySetResult();    // still held, and so for ever
                return;
            }
            if (state.TryTake(PendingWork.Close))
                SendClose();
            else if (state.TryTake(PendingWork.Pong))
                Send(Interlocked.Exchange(ref pong, null) ?? []);
            else if (state.TryTake(PendingWork.Ping))
                Send(format.KeepAlive);
            else if (state.TryTake(PendingWork.CatchUp) && sources.AreBehind)
            {
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return;
            }
        }
    }

    /// <summary>Leaves a wish for the owner; becomes the owner and does it, when there is none.</summary>
    private void Request(PendingWork wish)
    {
        state.Request(wish);
        if (TryAcquire())
            Release();
    }

    private async Task ReleaseAfterAsync(ValueTask finish)
    {
        try
        {
            await finish;
        }
        catch (Exception error)
        {
            Fail(error);
        }
        Release();
    }

    // ---- what a owner may do ----------------------------------------------------------------------------------------

    /// <summary>Sends frames without waiting. Only by the owner, and once: letting go of it ends the write.</summary>
    /// <returns>How many messages of the batch need not be sent again.</returns>
    public int Write(in FrameBatch batch) => isClosed ? batch.Count : writer.Write(batch);

    /// <summary>
    /// The same for a batch of one feed, with which goes what other feeds have waiting: one system call for all of it.
    /// </summary>
    /// <returns>How many messages of the batch need not be sent again.</returns>
    public int Write(in FrameBatch batch, FrameSource source) => isClosed ? batch.Count : sources.Write(writer, batch, source);

    /// <summary>Adds a feed to catch up from. Only by the owner. A closed connection catches up no more.</summary>
    public void AddSource(FrameSource source)
    {
        if (!isClosed)
            sources.Add(source);
    }

    /// <summary>Only by the owner.</summary>
    public void RemoveSource(FrameSource source) => sources.Remove(source);

    /// <summary>Sends what is no message. Only by the owner, while the writer is ready.</summary>
    public void Send(byte[] frame)
    {
        if (!isClosed && frame.Length > 0)
            writer.WriteWhole(frame);
    }

    private void SendClose()
    {
        Send(closing!.Frame);
        isClosed = true;
        sources.Clear();
    }

    // ---- what anybody may ask for ------------------------------------------------------------------------------------

    /// <summary>There is more to send than its cursors have seen; it will be caught up on the thread pool.</summary>
    public void CatchUp() => Request(PendingWork.CatchUp);

    /// <summary>
    /// Runs the action as the owner, who may send once: now, or when the present owner is done. All actions run in the order in which they
    /// were left; what is left before <see cref="RetireAsync"/> runs too, and nothing after it.
    /// </summary>
    public void Post(Action action)
    {
        if (TryAcquire())
        {
            RunWork(action);
            Release();
            return;
        }
        LazyInitializer.EnsureInitialized(ref actions, static () => new()).Enqueue(action);
        Request(PendingWork.Action);
    }

    /// <summary>Tells the client that it will be closed, where its format can.</summary>
    public void Announce(CloseReason reason) => Post(() => Send(format.Announce(reason)));

    /// <summary>The receive loop asks for more, so what it asked for before has come: the peer is alive.</summary>
    public void OnRead() => Reads++;

    public void SendPing() => Request(PendingWork.Ping);

    /// <summary>Sends a pong between two frames; a newer one takes the place of one that still waits (RFC 6455, 5.5.3).</summary>
    public void SendPong(byte[] frame)
    {
        Interlocked.Exchange(ref pong, frame);
        Request(PendingWork.Pong);
    }

    /// <summary>
    /// Asks for the close frame: it ends catching up, goes out after the frame that was begun, and nothing follows it. Who
    /// asks first gives the reason. The task ends when the frame was sent; a peer that does not take it is aborted by the sweep.
    /// </summary>
    public Task CloseAsync(CloseReason reason) => CloseAsync(reason, format.Close(reason));

    /// <summary>The same, with a frame that is encoded already.</summary>
    public Task CloseAsync(CloseReason reason, byte[] frame)
    {
        var mine = new PendingClose(frame, reason, time.GetTimestamp());
        if (Interlocked.CompareExchange(ref closing, mine, null) is not null)
            return Closed;
        Request(PendingWork.Close);
        if (Volatile.Read(ref retired) is not null)
            CloseSent.TrySetResult();    // too late: nobody will send it
        return Closed;
    }

    /// <summary>Ends it without a close frame (the peer sees 1006). Nothing happens when it was retired before.</summary>
    public void Abort()
    {
        lock (aborting)
        {
            // The request behind "abort" is used again for another after this one's end.
            if (retired is null)
                abort();
        }
    }

    /// <summary>
    /// Aborts the connection after an unexpected exception: part of a frame may have been sent. Only by the owner, which must still call
    /// <see cref="Release"/>, or the request never ends.
    /// </summary>
    public void Fail(Exception error)
    {
        Log.WriteFailed(logger, error);
        Abort();
    }

    /// <summary>
    /// Ends all use of the transport: the task completes when nobody holds it any more, and nobody ever will. Called once, by
    /// the request, before it returns; a write that still waits is aborted.
    /// </summary>
    public Task RetireAsync()
    {
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (aborting)
        {
            retired = end;
            if (Volatile.Read(ref closed) is not { Task.IsCompleted: true })
                abort();
        }
        Request(PendingWork.Retire);
        if (closing is not null)
            CloseSent.TrySetResult();
        return end.Task;
    }

    // ---- catching up -------------------------------------------------------------------------------------------------

    /// <summary>One slice of one feed, each in its turn; then others may have the thread. Runs as the owner.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            sources.CatchUp();
            if (sources.AreBehind)
                state.Request(PendingWork.CatchUp);
        }
        catch (Exception error)
        {
            Log.CatchingUpFailed(logger, error);
            _ = CloseAsync(CloseReason.Internal);
        }
        Release();
    }

    /// <summary>One: it may have written, and then the next has to wait for the end of that.</summary>
    private void RunAction()
    {
        if (actions!.TryDequeue(out var action))
            RunWork(action);
        if (!actions.IsEmpty)
            state.Request(PendingWork.Action);
    }

    private void RunWork(Action action)
    {
        try
        {
            action();
        }
        catch (Exception error)
        {
            Fail(error);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "A connection could not catch up and is closed.")]
        public static partial void CatchingUpFailed(ILogger logger, Exception error);

        [LoggerMessage(LogLevel.Error, "Writing to a connection failed in an unexpected way; it is aborted.")]
        public static partial void WriteFailed(ILogger logger, Exception error);
    }
}
