namespace Notifier.Connections;

/// <summary>
/// How bytes are sent to one peer. Used by one owner at a time. A broken transport accepts all bytes and sends none, because the receive loop, and
/// not a write, reports the end of a connection.
/// </summary>
internal abstract class Transport
{
    /// <summary>The limit of one write, in bytes: a stalled peer costs no more memory.</summary>
    public const int Slice = 64 * 1024;

    /// <summary>False while accepted bytes are being sent; <see cref="WhenReadyAsync"/> completes afterwards.</summary>
    public abstract bool IsReady { get; }

    /// <summary>
    /// Accepts as many bytes as it can without waiting. The caller may reuse the buffer at once. Only when <see cref="IsReady"/>.
    /// </summary>
    /// <returns>How many bytes it accepted.</returns>
    public abstract int TrySend(ReadOnlyMemory<byte> bytes);

    /// <summary>Completes when the transport accepts bytes again.</summary>
    public abstract ValueTask WhenReadyAsync();

    /// <summary>Completes when all bytes were accepted. Only when <see cref="IsReady"/>.</summary>
    public abstract ValueTask SendAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>How much the peer has received. Called by the liveness sweep, from any thread.</summary>
    public abstract Progress Progress { get; }
}

/// <summary>
/// How much a peer has received. It does not count that this machine's kernel has accepted bytes, because the kernel accepts a ping to a dead
/// machine. An acknowledgement by the peer's kernel counts; but where streams share a socket (HTTP/2), it may be for another stream.
/// </summary>
/// <param name="Acknowledged">Bytes that the peer's kernel has acknowledged on the socket.</param>
/// <param name="StreamProgress">
/// Grows when this stream has sent something. Equals <paramref name="Acknowledged"/> if no other stream uses the socket.
/// </param>
internal readonly record struct Progress(long Acknowledged, long StreamProgress);
