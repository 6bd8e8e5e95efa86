using System.Globalization;
using System.Text;

namespace Notifier.Messages;

/// <summary>
/// Server-sent events (HTML Living Standard, 9.2): each JSON object is the data of an event. It has no line break in it, whatever
/// the payload has, so one <c>data:</c> line holds it.
/// </summary>
internal sealed class EventStream : JsonFormat
{
    private readonly bool hasIds;

    private EventStream(bool hasIds) => this.hasIds = hasIds;

    /// <summary>Of several names: an id could say where the client stands in one of them only.</summary>
    public static EventStream Format { get; } = new(hasIds: false);

    /// <summary>Of one name: the position is the id of each event, and a browser sends the last one when it comes back.</summary>
    public static EventStream OfOneName { get; } = new(hasIds: true);

    /// <summary>The first that is sent: a browser, and what stands in between, sees that the stream is open.</summary>
    public override byte[] KeepAlive { get; } = [.. ":\n\n"u8];

    /// <summary>An EventSource waits so long by itself.</summary>
    public override byte[] Announce(CloseReason reason)
    {
        var retry = string.Create(CultureInfo.InvariantCulture, $"retry: {reason.RetryAfter * 1000:0}\n");
        return [.. Encoding.ASCII.GetBytes(retry), .. Frame(new ServerObject { Type = ServerTypes.Closing, RetryAfter = reason.RetryAfter })];
    }

    public override byte[] Close(CloseReason reason) => reason.RetryAfter is null
        ? Frame(new ServerObject { Type = ServerTypes.Error, Code = reason.Name, Message = reason.Text })
        : [];

    public override int FrameLength(ReadOnlySpan<byte> frames) => frames.IndexOf("\n\n"u8) + 2;

    protected override int BeginFrame(FrameBuffer into, (SubscriptionIdentity Source, Position Position)? stands)
    {
        var start = into.Length;
        if (hasIds && stands is var (source, position))
        {
            into.Append("id: "u8);
            source.WritePosition(into, position);
            into.Append("\n"u8);
        }
        into.Append("data: "u8);
        return start;
    }

    protected override void EndFrame(FrameBuffer into, int start) => into.Append("\n\n"u8);
}
