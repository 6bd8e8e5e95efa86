namespace Notifier.Connections;

/// <summary>
/// How bytes leave for one peer. Used by one owner at a time. A transport that broke takes everything and sends nothing: that a
/// connection died is learned from its receive loop, not from writes.
/// </summary>
internal abstract class Transport
{
    /// <summary>What one write hands over at most, so that a stalled peer costs no more than this.</summary>
    public const int Slice = 64 * 1024;

    /// <summary>False while bytes that were taken are still on their way; then <see cref="WhenReadyAsync"/> says when not.</summary>
    public abstract bool IsReady { get; }

    /// <summary>
    /// Takes what it can without waiting, and returns how many bytes that was; the caller may reuse the buffer at once.
    /// Only when <see cref="IsReady"/>.
    /// </summary>
    public abstract int TrySend(ReadOnlyMemory<byte> bytes);

    /// <summary>Completes when the transport takes bytes again.</summary>
    public abstract ValueTask WhenReadyAsync();

    /// <summary>Completes when all of the bytes were taken. Only when <see cref="IsReady"/>.</summary>
    public abstract ValueTask SendAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>How much the peer has taken. Called by the liveness sweep, from any thread.</summary>
    public abstract Progress Progress { get; }
}

/// <summary>
/// How much a peer has taken. What our kernel accepts proves nothing: it accepts a ping to a machine that is gone. What the
/// peer's kernel acknowledged proves it, but where streams share a socket (HTTP/2) it may have been another stream's.
/// </summary>
/// <param name="Acknowledged">Bytes that the peer's kernel has acknowledged on the socket.</param>
/// <param name="Passed">
/// Grows when this stream could send something. The same as the other where it has the socket to itself.
/// </param>
internal readonly record struct Progress(long Acknowledged, long Passed);
