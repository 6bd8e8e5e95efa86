using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// How a connection ends: the close that was requested and whether it was sent, the abort, and retirement. Thread-safe; a field of the
/// connection, never copied.
/// </summary>
internal struct ConnectionEnd(Action abort, TimeProvider time)
{
    private readonly Lock aborting = new();
    private PendingClose? requested;
    private TaskCompletionSource? closed;
    private TaskCompletionSource? retired;

    /// <summary>Why the connection is closed, or null. Set once, by the first request.</summary>
    public readonly CloseReason? Reason => requested?.Reason;

    /// <summary>How long ago the close was requested; zero without a request.</summary>
    public readonly TimeSpan ClosingFor => requested is { } close ? time.GetElapsedTime(close.RequestedAt) : TimeSpan.Zero;

    /// <summary>The whole close frame. Only after a request.</summary>
    public readonly byte[] Frame => requested!.Frame;

    /// <summary>Completes when the close frame was sent, or cannot be sent any more.</summary>
    public Task Closed => ClosedSource.Task;

    public readonly bool IsRetiring => Volatile.Read(in retired) is not null;

    private TaskCompletionSource ClosedSource => LazyInitializer.EnsureInitialized(
        ref closed, static () => new(TaskCreationOptions.RunContinuationsAsynchronously));

    /// <returns>False when a close was requested before.</returns>
    public bool TryRequestClose(CloseReason reason, byte[] frame) =>
        Interlocked.CompareExchange(ref requested, new PendingClose(frame, reason, time.GetTimestamp()), null) is null;

    public void OnClosed() => ClosedSource.TrySetResult();

    /// <summary>Ends the connection without a close frame (the peer sees 1006). Does nothing after <see cref="Retire"/>.</summary>
    public readonly void Abort()
    {
        lock (aborting)
        {
            // Afterwards the server reuses the request that "abort" would abort.
            if (retired is null)
                abort();
        }
    }

    /// <summary>Aborts the connection if it was not closed. Afterwards <see cref="Abort"/> does nothing.</summary>
    /// <returns>Completes with <see cref="OnRetired"/>.</returns>
    public Task Retire()
    {
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (aborting)
        {
            retired = end;
            if (Volatile.Read(ref closed) is not { Task.IsCompleted: true })
                abort();
        }
        return end.Task;
    }

    public readonly void OnRetired() => retired!.TrySetResult();

    /// <summary>A close that was requested.</summary>
    /// <param name="Frame">The whole close frame.</param>
    /// <param name="Reason">Why.</param>
    /// <param name="RequestedAt">A timestamp: the sweep aborts a peer that does not receive the frame in time.</param>
    private sealed record PendingClose(byte[] Frame, CloseReason Reason, long RequestedAt);
}
