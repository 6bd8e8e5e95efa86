namespace Notifier.Messages;

/// <summary>
/// Frames of consecutive messages, encoded once for many subscribers: either any number of whole frames in
/// <see cref="Bytes"/>, or one large frame, whose header is in <see cref="Bytes"/> and whose payload is shared in
/// <see cref="Payload"/>.
/// </summary>
/// <param name="Bytes">Valid until the receiver returns, because the buffer is reused.</param>
/// <param name="Count">The number of messages, including those without a frame.</param>
/// <param name="Payload">
/// Never reused, so that a writer may keep it: a large message to a thousand stalled sockets is in memory once.
/// </param>
internal readonly record struct FrameBatch(ReadOnlyMemory<byte> Bytes, int Count, ReadOnlyMemory<byte> Payload = default)
{
    /// <summary>
    /// A payload with more bytes than this is shared instead of copied into a batch. So it limits the memory that the
    /// rest of a partially sent frame needs for a stalled socket.
    /// </summary>
    public const int LargePayload = 16 * 1024;

    /// <summary>
    /// A batch with this many bytes gets no further message. With the largest copied message, a batch stays below the 128 KiB of the kernel's
    /// send buffer, so that a socket that keeps up accepts it in one write.
    /// </summary>
    public const int Full = 96 * 1024;

    /// <summary>Messages without a frame in this format (a gap, in plain text): counted, not sent.</summary>
    public static FrameBatch Nothing(int count) => new(default, count);
}
