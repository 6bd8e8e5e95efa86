namespace Notifier.Messages;

/// <summary>
/// Frames of consecutive messages, encoded once and given to many subscribers: either any number of whole frames in
/// <see cref="Bytes"/>, or one large frame, whose header is in <see cref="Bytes"/> and whose payload is shared in
/// <see cref="Payload"/>.
/// </summary>
/// <param name="Bytes">Valid until the receiver returns: the buffer is reused.</param>
/// <param name="Count">How many messages these frames stand for.</param>
/// <param name="Payload">
/// Never reused, so that a writer may keep it: a large message to a thousand stalled sockets is in memory once.
/// </param>
internal readonly record struct FrameBatch(ReadOnlyMemory<byte> Bytes, int Count, ReadOnlyMemory<byte> Payload = default)
{
    /// <summary>
    /// A payload of more bytes than this is shared instead of copied into a batch. It bounds what a stalled socket keeps
    /// of a frame that was begun.
    /// </summary>
    public const int LargePayload = 16 * 1024;

    /// <summary>
    /// A batch with this many bytes takes no further message. With the largest that is copied it stays below the 128 KiB of the
    /// kernel's send buffer, so that a socket which keeps up takes it in one write.
    /// </summary>
    public const int Full = 96 * 1024;

    /// <summary>Messages that have no frame in this format (a gap, in plain text): nothing to send, but to count.</summary>
    public static FrameBatch Nothing(int count) => new(default, count);
}
