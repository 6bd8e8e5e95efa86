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

    /// <summary>A comment. Also sent first, so that the browser and proxies see that the stream is open.</summary>
    public override byte[] KeepAlive { get; } = [.. ":\n\n"u8];

    /// <summary>With <c>retry</c>, in milliseconds, which EventSource itself obeys.</summary>
    public override byte[] Announce(CloseReason reason)
    {
        var retry = string.Create(CultureInfo.InvariantCulture, $"retry: {reason.RetryAfter * 1000:0}\n");
        return [.. Encoding.ASCII.GetBytes(retry), .. Frame(new ServerObject { Type = ServerTypes.Closing, RetryAfter = reason.RetryAfter })];
    }

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
