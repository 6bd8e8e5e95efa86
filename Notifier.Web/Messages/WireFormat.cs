namespace Notifier.Messages;

/// <summary>
/// How messages become bytes on a connection. Each message has one frame (or none: a gap in plain text), the same for all subscribers
/// of a name that use the format. Stateless; one instance per format.
/// </summary>
internal abstract class WireFormat
{
    /// <summary>Whether the client gets a confirmation of each subscription, before any of its messages.</summary>
    public virtual bool Confirms => true;

    /// <summary>The bytes that keep an idle connection open.</summary>
    public abstract byte[] KeepAlive { get; }

    /// <summary>Announces a close, with the time after which to reconnect; empty if the format cannot say that.</summary>
    public virtual byte[] Announce(CloseReason reason) => [];

    /// <summary>The last bytes that a client gets.</summary>
    public abstract byte[] Close(CloseReason reason);

    /// <summary>The length of the frame that begins here.</summary>
    public abstract int FrameLength(ReadOnlySpan<byte> frames);

    /// <summary>
    /// Tells a client that it read too slowly and lost messages; null if the format cannot say that, and the connection has to be
    /// closed.
    /// </summary>
    /// <param name="source">The subscription.</param>
    /// <param name="lost">The number of lost messages; null if unknown.</param>
    /// <param name="last">The position of the last lost message.</param>
    public virtual byte[]? Lost(SubscriptionIdentity source, long? lost, Position last) => null;

    /// <summary>Tells a client after how many seconds its access expires; empty if the format cannot say that.</summary>
    public virtual byte[] Expiring(int seconds) => [];

    /// <summary>
    /// Encodes one batch, beginning with the first message: several small messages, or one large message, or one message without a
    /// frame.
    /// </summary>
    /// <param name="buffer">Receives the bytes of the batch; the next batch overwrites them.</param>
    /// <param name="messages">At least one.</param>
    /// <param name="source">The subscription.</param>
    /// <param name="number">The first message's number in the log; <see cref="Position.NoNumber"/> for messages that are not from the log.</param>
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

    /// <summary>Encodes a batch of one large frame, of which all but the beginning is shared.</summary>
    protected abstract FrameBatch EncodeLarge(FrameBuffer buffer, in Message message, SubscriptionIdentity source, Position position);
}
