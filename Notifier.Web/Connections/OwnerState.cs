using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>What the owner of a connection is asked to do before it lets go.</summary>
[Flags]
internal enum PendingWork
{
    /// <summary>A feed has more than was sent.</summary>
    CatchUp = 2,

    /// <summary>Something waits to be run by the owner.</summary>
    Action = 4,

    Ping = 8,
    Pong = 16,
    Close = 32,
    Retire = 64,
}

/// <summary>
/// Whether a connection is held, and what is wished for meanwhile: one word, changed only by <see cref="Interlocked"/>.
/// Letting go is a compare-and-swap that fails while any wish is left, so that none is overlooked: with two separate flags
/// one would be, when it is left between the last look and the letting go. Thread-safe; a field, never copied.
/// </summary>
internal struct OwnerState
{
    private const int Held = 1;

    private int word;

    /// <summary>Takes hold, unless somebody has. Never waits.</summary>
    public bool TryAcquire()
    {
        var seen = Volatile.Read(ref word);
        while ((seen & Held) == 0)
        {
            var before = Interlocked.CompareExchange(ref word, seen | Held, seen);
            if (before == seen)
                return true;
            seen = before;
        }
        return false;
    }

    /// <summary>Lets go, unless a wish is left. Only by the owner.</summary>
    public bool TryRelease() => Interlocked.CompareExchange(ref word, 0, Held) == Held;

    public void Request(PendingWork wish) => Interlocked.Or(ref word, (int)wish);

    /// <summary>
    /// Takes a wish off before it is done, so that one that comes meanwhile is done again. Only by the owner.
    /// </summary>
    /// <returns>Whether it was there.</returns>
    public bool TryTake(PendingWork wish)
    {
        if ((Volatile.Read(ref word) & (int)wish) == 0)
            return false;
        Interlocked.And(ref word, ~(int)wish);
        return true;
    }
}

/// <summary>A close that was asked for.</summary>
/// <param name="Frame">The whole close frame.</param>
/// <param name="Reason">Why.</param>
/// <param name="AskedAt">A timestamp of the clock: what is not taken in time ends in an abort.</param>
internal sealed record PendingClose(byte[] Frame, CloseReason Reason, long AskedAt);
