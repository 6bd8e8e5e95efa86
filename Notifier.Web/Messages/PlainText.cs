namespace Notifier.Messages;

/// <summary>
/// The format of connections without a subprotocol: a frame is the bare payload of a message. The format can say neither which name
/// matched nor that messages were lost.
/// </summary>
internal sealed class PlainText : WireFormat
{
    private PlainText()
    {
    }

    public static PlainText Format { get; } = new();

    public override bool Confirms => false;

    public override byte[] KeepAlive { get; } = [ServerFrame.Final | ServerFrame.Ping, 0];

    public override byte[] Close(CloseReason reason) => reason.ToFrame();

    public override int FrameLength(ReadOnlySpan<byte> frames) => ServerFrame.Length(frames);

    protected override bool HasFrame(in Message message) => message.Gap == GapCode.None;

    protected override void WriteFrame(FrameBuffer into, in Message message, SubscriptionIdentity source, Position position)
    {
        WriteHeader(into, message);
        into.Append(message.Payload.Span);
    }

    protected override FrameBatch EncodeLarge(FrameBuffer buffer, in Message message, SubscriptionIdentity source, Position position)
    {
        WriteHeader(buffer, message);
        return new FrameBatch(buffer.Written, 1, message.Payload);
    }

    /// <summary>A text frame, or a binary one if the payload is not UTF-8, as RFC 6455, 5.6 requires.</summary>
    private static void WriteHeader(FrameBuffer buffer, in Message message) => ServerFrame.WriteHeader(
        buffer.Append(ServerFrame.HeaderLength(message.Payload.Length)),
        message.IsText ? ServerFrame.Text : ServerFrame.Binary,
        message.Payload.Length);
}
