namespace Notifier.Messages;

/// <summary>The subprotocol <c>notifier.v1</c>: each JSON object is a WebSocket text frame.</summary>
internal sealed class NotifierV1 : JsonFormat
{
    public const string Subprotocol = "notifier.v1";

    /// <summary>The header length of most frames: those with 126 to 65,535 bytes of payload.</summary>
    private const int DefaultHeader = 4;

    private NotifierV1() => KeepAlive = [ServerFrame.Final | ServerFrame.Ping, 0, .. Frame(new ServerObject { Type = ServerTypes.Ping })];

    public static NotifierV1 Format { get; } = new();

    /// <summary>A WebSocket ping, which the browser answers by itself, and a JSON ping, which a script can see.</summary>
    public override byte[] KeepAlive { get; }

    public override byte[] Announce(CloseReason reason) => Frame(new ServerObject { Type = ServerTypes.Closing, RetryAfter = reason.RetryAfter });

    public override byte[] Close(CloseReason reason) => reason.ToFrame();

    public override int FrameLength(ReadOnlySpan<byte> frames) => ServerFrame.Length(frames);

    protected override int BeginFrame(FrameBuffer into, (SubscriptionIdentity Source, Position Position)? position)
    {
        var start = into.Length;
        into.Append(DefaultHeader);
        return start;
    }

    protected override void EndFrame(FrameBuffer into, int start)
    {
        var payload = into.Length - start - DefaultHeader;
        var written = into.Shift(start + DefaultHeader, ServerFrame.HeaderLength(payload) - DefaultHeader);
        ServerFrame.WriteHeader(written[start..], ServerFrame.Text, payload);
    }
}
