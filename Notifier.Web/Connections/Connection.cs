using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// A connection to one peer. Only the thread that is its <b>owner</b> writes to it and moves the cursors of its sources. No thread waits for
/// ownership: if there is an owner, another thread leaves a request, which the owner carries out before it releases the connection.
/// </summary>
/// <remarks>
/// Ownership and requests are one word (<see cref="OwnerState"/>). At the end of the HTTP request the connection is retired: from then on no
/// thread can become its owner.
/// </remarks>
internal sealed partial class Connection(Transport transport, WireFormat format, Action abort, TimeProvider time, ILogger logger)
    : ConnectionOutput(transport, format), IChunkedSetMember, IThreadPoolWorkItem
{
    private OwnerState state;
    private PendingActions actions;
    private ConnectionEnd end = new(abort, time);
    private byte[]? pong;

    int IChunkedSetMember.Place { get; set; }

    /// <summary>For the liveness sweep.</summary>
    public LivenessState LivenessState;

    /// <summary>The second of each ping interval in which the ping is sent. Set by the registry.</summary>
    public int PingTurn { get; set; }

    /// <summary>What arrives on a WebSocket; null for an event stream. Set before other threads know the connection.</summary>
    public ClientInput? Input { get; init; }

    /// <summary>Changes with each read from the peer.</summary>
    public int Reads => Input?.Reads ?? 0;

    /// <summary>How much of <see cref="ConnectionOutput.Sent"/> the node's counters contain. They change it under their lock.</summary>
    public SentTotals Counted;

    /// <summary>Of which address the client was admitted. Set before other threads know the connection.</summary>
    public AdmissionTicket Ticket { get; init; }

    /// <summary>The caller, and until when access lasts; null for an anonymous caller that cannot change. Set before other threads know the connection.</summary>
    public ConnectionAccess? Access { get; set; }

    /// <summary>Whose share of the node the connection uses.</summary>
    public ResourceOwner Owner => ResourceOwner.Of(Ticket.Address, Access?.Caller);

    /// <summary>Why Notifier closes the connection, or null. Set once, by the first request.</summary>
    public CloseReason? CloseRequested => end.Reason;

    /// <summary>Completes when the close frame was sent, or cannot be sent any more.</summary>
    public Task Closed => end.Closed;

    /// <summary>How long ago the close was requested; zero without a request.</summary>
    public TimeSpan ClosingFor => end.ClosingFor;

    /// <summary>Makes the connection send what its sources have, on the thread pool. Any thread may call this and the methods below.</summary>
    public void CatchUp() => Request(PendingWork.CatchUp);

    /// <summary>
    /// Runs the action, which may send once, as the owner: now, or when the current owner is done. All actions run in the order in which they
    /// were posted. Those posted before <see cref="RetireAsync"/> run too, later ones do not.
    /// </summary>
    public void Post(Action action)
    {
        if (TryAcquire())
        {
            RunAction(action);
            Release();
            return;
        }
        actions.Add(action);
        Request(PendingWork.Action);
    }

    /// <summary>Notifies the client that its connection will be closed, if its format can say that.</summary>
    public void Announce(CloseReason reason) => Post(() => Send(Format.Announce(reason)));

    public void SendPing() => Request(PendingWork.Ping);

    /// <summary>Sends a pong between two frames; a newer one replaces one that still waits (RFC 6455, 5.5.3).</summary>
    public void SendPong(byte[] frame)
    {
        Interlocked.Exchange(ref pong, frame);
        Request(PendingWork.Pong);
    }

    /// <summary>
    /// Requests a close frame, which is sent after the frame that was begun; nothing follows it. The first request determines the reason. The
    /// task completes when the frame was sent; the sweep aborts a peer that does not receive it.
    /// </summary>
    public Task CloseAsync(CloseReason reason) => CloseAsync(reason, Format.Close(reason));

    /// <summary>The same, with a frame that is encoded already.</summary>
    public Task CloseAsync(CloseReason reason, byte[] frame)
    {
        if (!end.TryRequestClose(reason, frame))
            return Closed;
        Request(PendingWork.Close);
        if (end.IsRetiring)
            end.OnClosed();     // too late: no owner will send it
        return Closed;
    }

    /// <summary>Ends the connection without a close frame (the peer sees 1006). Does nothing after <see cref="RetireAsync"/>.</summary>
    public void Abort() => end.Abort();

    /// <summary>
    /// Ends all use of the transport: the task completes when the last owner is done, and no thread becomes the owner afterwards. Called once, by
    /// the HTTP request, before it returns. A write that still waits is aborted.
    /// </summary>
    public Task RetireAsync()
    {
        var retired = end.Retire();
        Request(PendingWork.Retire);
        if (CloseRequested is not null)
            end.OnClosed();
        return retired;
    }

    /// <summary>Leaves a request for the owner; without an owner, becomes it and carries the request out.</summary>
    private void Request(PendingWork work)
    {
        state.Request(work);
        if (TryAcquire())
            Release();
    }

    // ---- the owner -----------------------------------------------------------------------------------------------------

    /// <summary>Becomes the owner, unless there is one. Never waits. <see cref="Release"/> must follow.</summary>
    public bool TryAcquire() => state.TryAcquire();

    /// <summary>
    /// Carries out what was requested meanwhile, and ends ownership. If a write has to end first, or the connection has to catch up, ownership
    /// continues there.
    /// </summary>
    public void Release()
    {
        while (true)
        {
            if (!IsReady)
            {
                var finish = FinishAsync();
                if (!finish.IsCompletedSuccessfully)
                {
                    _ = ReleaseAfterAsync(finish);
                    return;
                }
                continue;
            }
            if (IsClosed)
                end.OnClosed();
            if (state.TryRelease())
                return;
            if (state.TryRemove(PendingWork.Action))
            {
                RunNextAction();    // also before retirement: the action may release a resource
                continue;
            }
            if (state.TryRemove(PendingWork.Retire))
            {
                end.OnRetired();    // ownership is never released
                return;
            }
            if (state.TryRemove(PendingWork.Close))
                SendClose(end.Frame);
            else if (state.TryRemove(PendingWork.Pong))
                Send(Interlocked.Exchange(ref pong, null) ?? []);
            else if (state.TryRemove(PendingWork.Ping))
                Send(Format.KeepAlive);
            else if (state.TryRemove(PendingWork.CatchUp) && AreSourcesBehind)
            {
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return;
            }
        }
    }

    /// <summary>
    /// Aborts the connection after an unexpected exception, because only a part of a frame may have been sent. Called by the owner, which must
    /// still call <see cref="Release"/>, or the HTTP request would never end.
    /// </summary>
    public void Fail(Exception error)
    {
        Log.WriteFailed(logger, error);
        Abort();
    }

    /// <summary>Sends one slice of the next source, and then leaves the thread to other work. Runs as the owner.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            CatchUpSources();
            if (AreSourcesBehind)
                state.Request(PendingWork.CatchUp);
        }
        catch (Exception error)     // this connection's loop: only this connection ends
        {
            Log.CatchingUpFailed(logger, error);
            _ = CloseAsync(CloseReason.Internal);
        }
        Release();
    }

    private async Task ReleaseAfterAsync(ValueTask finish)
    {
        try
        {
            await finish;
        }
        catch (Exception error)     // this connection's loop
        {
            Fail(error);
        }
        Release();
    }

    /// <summary>Runs only one action: it may have written, and the next one has to wait for the end of that write.</summary>
    private void RunNextAction()
    {
        if (actions.Next() is { } action)
            RunAction(action);
        if (!actions.IsEmpty)
            state.Request(PendingWork.Action);
    }

    private void RunAction(Action action)
    {
        try
        {
            action();
        }
        catch (Exception error)     // this connection's loop: an exception must not end a delivery that runs in this thread
        {
            Fail(error);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2, LogLevel.Error, "A connection could not catch up and is closed.")]
        public static partial void CatchingUpFailed(ILogger logger, Exception error);

        [LoggerMessage(3, LogLevel.Error, "Writing to a connection failed unexpectedly; the connection is aborted.")]
        public static partial void WriteFailed(ILogger logger, Exception error);
    }
}
