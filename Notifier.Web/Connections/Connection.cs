using System.Collections.Concurrent;
using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// One peer. Whoever <b>holds</b> it owns its writes and the cursors of its feeds, and nobody waits for that: who finds it
/// held leaves a wish, and the holder does it before it lets go.
/// </summary>
/// <remarks>
/// Who holds it and what is wished for are one word (<see cref="HoldState"/>). At the end of the request the connection is
/// retired: held for ever, by nobody.
/// </remarks>
internal sealed partial class Connection(Lane lane, WireFormat format, Action abort, TimeProvider time, ILogger logger)
    : IThreadPoolWorkItem, IRostered
{
    private readonly FrameWriter writer = new(lane, format);
    private Feeds feeds;
    private readonly Lock aborting = new();
    private HoldState state;
    private bool isClosed;
    private ConcurrentQueue<Action>? errands;
    private byte[]? pong;
    private Closing? closing;
    private TaskCompletionSource? closed;
    private TaskCompletionSource? retired;

    int IRostered.Place { get; set; }

    /// <summary>For the liveness sweep: what it last saw of this connection.</summary>
    public Pulse Pulse;

    /// <summary>In which second of each ping interval its ping is sent. Set by the registry.</summary>
    public int PingTurn { get; set; }

    /// <summary>Changes with each read from the peer. Written by the receive loop alone.</summary>
    public int Reads { get; private set; }

    public Lane Lane => lane;

    public WireFormat Format => format;

    /// <summary>How it came. Told by what it was made of, for a field would cost memory in each.</summary>
    public Transport Transport => lane is SocketLane ? Transport.WebSocket : format is EventStream ? Transport.EventStream : Transport.WebSocketStream;

    /// <summary>What it has been sent. Anybody may read it.</summary>
    public Sent Sent => writer.Sent;

    /// <summary>How much of that has been counted. For the tally, under its lock.</summary>
    public Sent Counted { get; set; }

    /// <summary>Whom it counts for; nobody, where addresses tell nothing. Set before anybody knows of it.</summary>
    public ClientAddress Address { get; init; }

    /// <summary>Whose it is, and until when; null where that is nobody, for ever. Set before anybody knows of it.</summary>
    public Visit? Visit { get; set; }

    /// <summary>Why we close it, or null. Set once, by whoever asked first.</summary>
    public CloseReason? CloseAsked => closing?.Reason;

    /// <summary>Completes when the close was sent, or never will be.</summary>
    public Task Closed => CloseSent.Task;

    private TaskCompletionSource CloseSent => LazyInitializer.EnsureInitialized(
        ref closed, static () => new(TaskCreationOptions.RunContinuationsAsynchronously));

    /// <summary>How long the close has been asked for; zero when it has not.</summary>
    public TimeSpan ClosingFor => closing is { } asked ? time.GetElapsedTime(asked.AskedAt) : TimeSpan.Zero;

    // ---- holding -----------------------------------------------------------------------------------------------------

    /// <summary>Becomes the holder, unless somebody is. Never waits. <see cref="Release"/> must follow.</summary>
    public bool TryHold() => state.TryHold();

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
            if (state.Took(Wish.Errand))
            {
                RunErrand();    // also before retirement: it may be one that gives something back
                continue;
            }
            if (state.Took(Wish.Retire))
            {
                retired!.TrySetResult();    // still held, and so for ever
                return;
            }
            if (state.Took(Wish.Close))
                SendClose();
            else if (state.Took(Wish.Pong))
                Send(Interlocked.Exchange(ref pong, null) ?? []);
            else if (state.Took(Wish.Ping))
                Send(format.KeepAlive);
            else if (state.Took(Wish.CatchUp) && feeds.AreBehind)
            {
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return;
            }
        }
    }

    /// <summary>Leaves a wish for the holder; becomes the holder and does it, when there is none.</summary>
    private void Ask(Wish wish)
    {
        state.Leave(wish);
        if (TryHold())
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

    // ---- what a holder may do ----------------------------------------------------------------------------------------

    /// <summary>Sends frames without waiting. Only by the holder, and once: letting go of it ends the write.</summary>
    /// <returns>How many messages of the batch need not be sent again.</returns>
    public int Write(in FrameBatch batch) => isClosed ? batch.Count : writer.Write(batch);

    /// <summary>
    /// The same for a batch of one feed, with which goes what other feeds have waiting: one system call for all of it.
    /// </summary>
    /// <returns>How many messages of the batch need not be sent again.</returns>
    public int Write(in FrameBatch batch, Feed feed) => isClosed ? batch.Count : feeds.Write(writer, batch, feed);

    /// <summary>Adds a feed to catch up from. Only by the holder. A closed connection catches up no more.</summary>
    public void Follow(Feed feed)
    {
        if (!isClosed)
            feeds.Add(feed);
    }

    /// <summary>Only by the holder.</summary>
    public void Unfollow(Feed feed) => feeds.Remove(feed);

    /// <summary>Sends what is no message. Only by the holder, while the writer is ready.</summary>
    public void Send(byte[] frame)
    {
        if (!isClosed && frame.Length > 0)
            writer.WriteWhole(frame);
    }

    private void SendClose()
    {
        Send(closing!.Frame);
        isClosed = true;
        feeds.Clear();
    }

    // ---- what anybody may ask for ------------------------------------------------------------------------------------

    /// <summary>There is more to send than its cursors have seen; it will be caught up on the thread pool.</summary>
    public void CatchUp() => Ask(Wish.CatchUp);

    /// <summary>
    /// Runs the errand as the holder, who may send once: now, or when the present holder is done. All errands run in the order in which they
    /// were left; what is left before <see cref="RetireAsync"/> runs too, and nothing after it.
    /// </summary>
    public void Run(Action errand)
    {
        if (TryHold())
        {
            Do(errand);
            Release();
            return;
        }
        LazyInitializer.EnsureInitialized(ref errands, static () => new()).Enqueue(errand);
        Ask(Wish.Errand);
    }

    /// <summary>Tells the client that it will be closed, where its format can.</summary>
    public void Announce(CloseReason reason) => Run(() => Send(format.Announce(reason)));

    /// <summary>The receive loop asks for more, so what it asked for before has come: the peer is alive.</summary>
    public void NoteRead() => Reads++;

    public void SendPing() => Ask(Wish.Ping);

    /// <summary>Sends a pong between two frames; a newer one takes the place of one that still waits (RFC 6455, 5.5.3).</summary>
    public void SendPong(byte[] frame)
    {
        Interlocked.Exchange(ref pong, frame);
        Ask(Wish.Pong);
    }

    /// <summary>
    /// Asks for the close frame: it ends catching up, goes out after the frame that was begun, and nothing follows it. Who
    /// asks first gives the reason. The task ends when the frame was sent; a peer that does not take it is aborted by the sweep.
    /// </summary>
    public Task CloseAsync(CloseReason reason) => CloseAsync(reason, format.Close(reason));

    /// <summary>The same, with a frame that is encoded already.</summary>
    public Task CloseAsync(CloseReason reason, byte[] frame)
    {
        var mine = new Closing(frame, reason, time.GetTimestamp());
        if (Interlocked.CompareExchange(ref closing, mine, null) is not null)
            return Closed;
        Ask(Wish.Close);
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
    /// Aborts the connection after an unexpected exception: part of a frame may have been sent. Only by the holder, which must still call
    /// <see cref="Release"/>, or the request never ends.
    /// </summary>
    public void Fail(Exception error)
    {
        Log.WriteFailed(logger, error);
        Abort();
    }

    /// <summary>
    /// Ends all use of the lane: the task completes when nobody holds it any more, and nobody ever will. Called once, by
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
        Ask(Wish.Retire);
        if (closing is not null)
            CloseSent.TrySetResult();
        return end.Task;
    }

    // ---- catching up -------------------------------------------------------------------------------------------------

    /// <summary>One slice of one feed, each in its turn; then others may have the thread. Runs as the holder.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            feeds.CatchUp();
            if (feeds.AreBehind)
                state.Leave(Wish.CatchUp);
        }
        catch (Exception error)
        {
            Log.CatchingUpFailed(logger, error);
            _ = CloseAsync(CloseReason.Internal);
        }
        Release();
    }

    /// <summary>One: it may have written, and then the next has to wait for the end of that.</summary>
    private void RunErrand()
    {
        if (errands!.TryDequeue(out var errand))
            Do(errand);
        if (!errands.IsEmpty)
            state.Leave(Wish.Errand);
    }

    private void Do(Action errand)
    {
        try
        {
            errand();
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
