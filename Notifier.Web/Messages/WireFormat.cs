namespace Notifier.Messages;

/// <summary>
/// How a connection's bytes look. Each message has one frame (or none: a gap in plain text), the same for all subscribers of a name
/// that speak the format. Stateless, one instance each.
/// </summary>
internal abstract class WireFormat
{
    /// <summary>Whether it tells that a name is subscribed; then no message of it comes before.</summary>
    public virtual bool Confirms => true;

    /// <summary>What keeps the way to a silent client open.</summary>
    public abstract byte[] KeepAlive { get; }

    /// <summary>What tells a client, before the close, that it will be closed and when to come back; empty where that cannot be said.</summary>
    public virtual byte[] Announce(CloseReason reason) => [];

    /// <summary>The last that a client gets.</summary>
    public abstract byte[] Close(CloseReason reason);

    /// <summary>The length of the frame that begins here.</summary>
    public abstract int FrameLength(ReadOnlySpan<byte> frames);

    /// <summary>
    /// What a client is told that has read so slowly that messages are gone; null where the format cannot say it, and the
    /// connection has to be closed.
    /// </summary>
    /// <param name="source">What they were of.</param>
    /// <param name="lost">How many, or null where that is not known.</param>
    /// <param name="last">The last of them.</param>
    public virtual byte[]? Lost(SubscriptionIdentity source, long? lost, Position last) => null;

    /// <summary>What a client is told whose access ends in so many seconds; nothing where the format cannot say it.</summary>
    public virtual byte[] Expiring(int seconds) => [];

    /// <summary>
    /// Encodes as many of the messages, from the first on, as go into one batch: a run of small ones, or one large one, or
    /// one that has no frame.
    /// </summary>
    /// <param name="buffer">Where the bytes of the batch are; overwritten by the next one.</param>
    /// <param name="messages">At least one.</param>
    /// <param name="source">What they are of.</param>
    /// <param name="number">That of the first in its log; <see cref="Position.NoNumber"/> for those that did not come from there.</param>
    public FrameBatch Encode(FrameBuffer buffer, ReadOnlySpan<Message> messages, SubscriptionIdentity source, long number)
    {
        buffer.Clear();
        if (!HasFrame(messages[0]))
            return FrameBatch.Nothing(1);
        if (messages[0].IsLarge)
            return EncodeLarge(buffer, messages[0], source, new(number, messages[0].JournalId));
        var step = number == Position.NoNumber ? 0 : 1;
        var count = 0;
        do
        {
            ref readonly var message = ref messages[count];
            WriteFrame(buffer, message, source, new(number + (count * step), message.JournalId));
            count++;
        }
        while (count < messages.Length && buffer.Length < FrameBatch.Full && HasFrame(messages[count]) && !messages[count].IsLarge);
        return new FrameBatch(buffer.Written, count);
    }

    protected virtual bool HasFrame(in Message message) => true;

    protected abstract void WriteFrame(FrameBuffer into, in Message message, SubscriptionIdentity source, Position position);

    /// <summary>One frame, of which all but the beginning is shared.</summary>
    protected abstract FrameBatch EncodeLarge(FrameBuffer buffer, in Message message, SubscriptionIdentity source, Position position);
}
