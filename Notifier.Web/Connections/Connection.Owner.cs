using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>What only the owner does, and how ownership begins and ends.</summary>
internal sealed partial class Connection : IThreadPoolWorkItem
{
    /// <summary>Becomes the owner, unless there is one. Never waits. <see cref="Release"/> must follow.</summary>
    public bool TryAcquire() => state.TryAcquire();

    /// <summary>
    /// Ends ownership after carrying out what was requested meanwhile; or passes ownership on: to the end of a write, or to a turn of
    /// catching up.
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
                end.OnClosed();
            if (state.TryRelease())
                return;
            if (state.TryRemove(PendingWork.Action))
            {
                RunAction();    // also before retirement: the action may release a resource
                continue;
            }
            if (state.TryRemove(PendingWork.Retire))
            {
                end.OnRetired();    // still owned, and so for ever
                return;
            }
            if (state.TryRemove(PendingWork.Close))
                SendClose();
            else if (state.TryRemove(PendingWork.Pong))
                Send(Interlocked.Exchange(ref pong, null) ?? []);
            else if (state.TryRemove(PendingWork.Ping))
                Send(format.KeepAlive);
            else if (state.TryRemove(PendingWork.CatchUp) && sources.AreBehind)
            {
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return;
            }
        }
    }

    /// <summary>Sends frames without waiting. Only by the owner, and once for each ownership: releasing ends the write.</summary>
    /// <returns>How many messages of the batch need not be sent again.</returns>
    public int Write(in FrameBatch batch) => isClosed ? batch.Count : writer.Write(batch);

    /// <summary>
    /// The same for a batch of one source, together with what the other sources have waiting: one system call for all of it.
    /// </summary>
    /// <returns>How many messages of the batch need not be sent again.</returns>
    public int Write(in FrameBatch batch, FrameSource source) => isClosed ? batch.Count : sources.Write(writer, batch, source);

    /// <summary>Adds a source to catch up from. Only by the owner. A closed connection catches up no more.</summary>
    public void AddSource(FrameSource source)
    {
        if (!isClosed)
            sources.Add(source);
    }

    /// <summary>Only by the owner.</summary>
    public void RemoveSource(FrameSource source) => sources.Remove(source);

    /// <summary>Sends a frame that is no message. Only by the owner, while the writer is ready.</summary>
    public void Send(byte[] frame)
    {
        if (!isClosed && frame.Length > 0)
            writer.WriteWhole(frame);
    }

    /// <summary>
    /// Aborts the connection after an unexpected exception: part of a frame may have been sent. Only by the owner, which must still call
    /// <see cref="Release"/>, or the HTTP request never ends.
    /// </summary>
    public void Fail(Exception error)
    {
        Log.WriteFailed(logger, error);
        Abort();
    }

    /// <summary>One slice of one source, each in its turn; then others may have the thread. Runs as the owner.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            sources.CatchUp();
            if (sources.AreBehind)
                state.Request(PendingWork.CatchUp);
        }
        catch (Exception error)     // this connection's loop: it ends, the others go on
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

    private void SendClose()
    {
        Send(end.Frame);
        isClosed = true;
        sources.Clear();
    }

    /// <summary>One: it may have written, and then the next has to wait for the end of that.</summary>
    private void RunAction()
    {
        if (actions.Next() is { } action)
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
        catch (Exception error)     // this connection's loop: the thread may be a delivery's
        {
            Fail(error);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "A connection could not catch up and is closed.")]
        public static partial void CatchingUpFailed(ILogger logger, Exception error);

        [LoggerMessage(LogLevel.Error, "Writing to a connection failed unexpectedly; the connection is aborted.")]
        public static partial void WriteFailed(ILogger logger, Exception error);
    }
}
