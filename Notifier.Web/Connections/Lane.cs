namespace Notifier.Connections;

/// <summary>
/// How bytes leave for one peer. Used by one holder at a time. A lane that broke takes everything and sends nothing: that a
/// connection died is learned from its receive loop, not from writes.
/// </summary>
internal abstract class Lane
{
    /// <summary>What one write hands over at most, so that a stalled peer costs no more than this.</summary>
    public const int Slice = 64 * 1024;

    /// <summary>False while bytes that were taken are still on their way; then <see cref="WhenReadyAsync"/> says when not.</summary>
    public abstract bool IsReady { get; }

    /// <summary>
    /// Takes what it can without waiting, and returns how many bytes that was; the caller may reuse the buffer at once.
    /// Only when <see cref="IsReady"/>.
    /// </summary>
    public abstract int Offer(ReadOnlyMemory<byte> bytes);

    /// <summary>Completes when the lane takes bytes again.</summary>
    public abstract ValueTask WhenReadyAsync();

    /// <summary>Completes when all of the bytes were taken. Only when <see cref="IsReady"/>.</summary>
    public abstract ValueTask SendAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>
    /// A number that changes whenever the peer has taken something ("accepted by our kernel" is not enough where the
    /// kernel can tell). Called by the liveness sweep, from any thread.
    /// </summary>
    public abstract long Progress { get; }
}
