using System.Collections.Concurrent;

namespace Notifier.Connections;

/// <summary>Requests that the owner of a connection carries out before it releases the connection.</summary>
[Flags]
internal enum PendingWork
{
    /// <summary>A source has unsent frames.</summary>
    CatchUp = 2,

    /// <summary>An action waits in <see cref="PendingActions"/>.</summary>
    Action = 4,

    Ping = 8,
    Pong = 16,
    Close = 32,
    Retire = 64,
}

/// <summary>
/// Whether a connection has an owner, and what other threads have requested meanwhile: one word, changed only by <see cref="Interlocked"/>.
/// Releasing is a compare-and-swap that fails while any request is left. With two separate variables, a request between the owner's last check
/// and its release would be overlooked. Thread-safe; a field, never copied.
/// </summary>
internal struct OwnerState
{
    private const int Owned = 1;

    private int word;

    /// <summary>Becomes the owner, unless there is one. Never waits.</summary>
    public bool TryAcquire()
    {
        var expected = Volatile.Read(ref word);
        while ((expected & Owned) == 0)
        {
            var before = Interlocked.CompareExchange(ref word, expected | Owned, expected);
            if (before == expected)
                return true;
            expected = before;
        }
        return false;
    }

    /// <summary>Ends ownership, unless a request is left. Only by the owner.</summary>
    public bool TryRelease() => Interlocked.CompareExchange(ref word, 0, Owned) == Owned;

    public void Request(PendingWork work) => Interlocked.Or(ref word, (int)work);

    /// <summary>
    /// Removes a request before the owner carries it out, so that the same request can be made again meanwhile. Only by the owner.
    /// </summary>
    /// <returns>Whether there was one.</returns>
    public bool TryRemove(PendingWork work)
    {
        if ((Volatile.Read(ref word) & (int)work) == 0)
            return false;
        Interlocked.And(ref word, ~(int)work);
        return true;
    }
}

/// <summary>
/// Actions that wait for the owner, in their order. The queue is created with the first action, because most connections never have one. Any
/// thread adds, the owner removes; a field, never copied.
/// </summary>
internal struct PendingActions
{
    private ConcurrentQueue<Action>? queue;

    /// <summary>Only after <see cref="Add"/>.</summary>
    public readonly bool IsEmpty => queue!.IsEmpty;

    public void Add(Action action) => LazyInitializer.EnsureInitialized(ref queue, static () => new()).Enqueue(action);

    /// <summary>Only after <see cref="Add"/>.</summary>
    public readonly Action? Next() => queue!.TryDequeue(out var action) ? action : null;
}
