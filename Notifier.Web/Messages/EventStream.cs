using System.Globalization;
using System.Text;

namespace Notifier.Messages;

/// <summary>
/// Server-sent events (HTML Living Standard, 9.2): each JSON object is the data of an event. JSON escapes the payload's line breaks, so
/// one <c>data:</c> line is enough.
/// </summary>
internal sealed class EventStream : JsonFormat
{
    private readonly bool hasIds;

    private EventStream(bool hasIds) => this.hasIds = hasIds;

    /// <summary>For several names: without ids, because an id could be the position of only one of them.</summary>
    public static EventStream Format { get; } = new(hasIds: false);

    /// <summary>For one name: the position is the id of each event, and a browser sends the last id when it reconnects.</summary>
    public static EventStream OfOneName { get; } = new(hasIds: true);

    /// <summary>A comment.</summary>
    public override byte[] KeepAlive { get; } = [.. ":\n\n"u8];

    /// <summary>
    /// The beginning of a stream: a comment, and the usual time until EventSource reconnects. EventSource keeps the latest time that it was sent, so without
    /// this it would keep the one of a shutdown for good.
    /// </summary>
    public static byte[] Beginning { get; } = [.. ":\nretry: 3000\n\n"u8];

    /// <summary>The field that tells EventSource when to reconnect.</summary>
    /// <param name="seconds">At least one second is sent: with less, a client that keeps the time would reconnect in a tight loop.</param>
    public static byte[] Retry(double seconds) => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"retry: {Math.Max(1, seconds) * 1000:0}\n"));

    /// <summary>With <c>retry</c>, which EventSource itself obeys.</summary>
    public override byte[] Announce(CloseReason reason) =>
        [.. Retry(reason.RetryAfter ?? 0), .. Frame(new ServerObject { Type = ServerTypes.Closing, RetryAfter = reason.RetryAfter })];

    public override byte[] Close(CloseReason reason) => reason.RetryAfter is null
        ? Frame(new ServerObject { Type = ServerTypes.Error, Code = reason.Name, Message = reason.Text })
        : [];

    public override int FrameLength(ReadOnlySpan<byte> frames) => frames.IndexOf("\n\n"u8) + 2;

    protected override int BeginFrame(FrameBuffer into, (SubscriptionIdentity Source, Position Position)? position)
    {
        var start = into.Length;
        if (hasIds && position is var (source, at))
        {
            into.Append("id: "u8);
            source.WritePosition(into, at);
            into.Append("\n"u8);
        }
        into.Append("data: "u8);
        return start;
    }

    protected override void EndFrame(FrameBuffer into, int start) => into.Append("\n\n"u8);
}
