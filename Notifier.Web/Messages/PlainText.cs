namespace Notifier.Messages;

/// <summary>
/// The format of connections without a subprotocol: a message is its bare payload. It can say neither which name matched
/// nor that something was lost.
/// </summary>
internal static class PlainText
{
    /// <summary>
    /// Encodes as many of the messages, from the first on, as go into one batch: a run of small ones, or one large one, or
    /// one gap (which has no frame here).
    /// </summary>
    /// <param name="buffer">Where the bytes of the batch are; overwritten by the next one.</param>
    /// <param name="messages">At least one.</param>
    public static FrameBatch Encode(FrameBuffer buffer, ReadOnlySpan<Message> messages)
    {
        buffer.Clear();
        ref readonly var first = ref messages[0];
        if (first.Gap != GapCode.None)
            return FrameBatch.Nothing(1);
        if (first.Payload.Length > FrameBatch.LargePayload)
        {
            WriteHeader(buffer, first);
            return new FrameBatch(buffer.Written, 1, first.Payload);
        }
        var count = 0;
        do
            WriteFrame(buffer, messages[count++]);
        while (count < messages.Length && buffer.Length < FrameBatch.Full && IsSmall(messages[count]));
        return new FrameBatch(buffer.Written, count);
    }

    private static bool IsSmall(in Message message) => message.Gap == GapCode.None && message.Payload.Length <= FrameBatch.LargePayload;

    private static void WriteFrame(FrameBuffer buffer, in Message message)
    {
        WriteHeader(buffer, message);
        message.Payload.Span.CopyTo(buffer.Append(message.Payload.Length));
    }

    /// <summary>Text, or binary where the payload is not UTF-8, which a text frame must be (RFC 6455, 5.6).</summary>
    private static void WriteHeader(FrameBuffer buffer, in Message message) => ServerFrame.WriteHeader(
        buffer.Append(ServerFrame.HeaderLength(message.Payload.Length)),
        message.IsText ? ServerFrame.Text : ServerFrame.Binary,
        message.Payload.Length);
}
