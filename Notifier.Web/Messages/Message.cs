using System.Text.Unicode;

namespace Notifier.Messages;

/// <summary>Why messages may be missing at a point of a subscription.</summary>
internal enum GapCode : byte
{
    /// <summary>No gap: the entry is a message.</summary>
    None,

    /// <summary>Notifier reconnected to Redis; messages that were published meanwhile are lost.</summary>
    Redis,

    /// <summary>Notifier dropped messages, because they arrived faster than it could send them.</summary>
    Overload,

    /// <summary>A message was larger than <c>Limits:PayloadBytes</c>.</summary>
    TooLarge,

    /// <summary>A bug in Notifier; the log has the error.</summary>
    Internal,

    /// <summary>Notifier read durable messages too late: the journal no longer had all of them.</summary>
    Trimmed,

    /// <summary>Redis lost durable messages that it had accepted.</summary>
    Reset,
}

/// <summary>
/// One payload published on one channel, or a gap: an entry of a log. The arrays are never modified, so all subscribers may share
/// them.
/// </summary>
internal readonly struct Message
{
    /// <summary>The memory of an entry besides its bytes: two array headers and a slot in the log.</summary>
    private const int Overhead = 80;

    private readonly byte[]? channel;
    private readonly byte[]? payload;

    private Message(byte[]? channel, byte[]? payload, GapCode gap, bool isText)
    {
        this.channel = channel;
        this.payload = payload;
        Gap = gap;
        IsText = isText;
    }

    /// <param name="channel">The channel that the message was published on; null if the subscription's name is that channel.</param>
    /// <param name="payload">The payload; the caller must not modify it afterwards.</param>
    public static Message Create(byte[]? channel, byte[] payload) => new(channel, payload, GapCode.None, Utf8.IsValid(payload));

    public bool BeginsWith(ReadOnlySpan<byte> text) => payload.AsSpan().StartsWith(text);

    /// <summary>The same message without the first bytes of the payload.</summary>
    public Message WithoutBeginning(int bytes)
    {
        var rest = payload.AsSpan(bytes).ToArray();
        return new(channel, rest, Gap, Utf8.IsValid(rest));
    }

    /// <summary>The same message for a subscription whose name is the channel.</summary>
    public Message WithoutChannel() => new(null, payload, Gap, IsText) { JournalId = JournalId };

    public static Message GapOf(GapCode code) => new(null, null, code, isText: false);

    public GapCode Gap { get; }

    /// <summary>
    /// The journal's id of the name's latest durable message up to this one, inclusive. Zero if the name is not durable.
    /// </summary>
    public long JournalId { get; init; }

    /// <summary>Whether the payload is valid UTF-8. Computed once for all subscribers.</summary>
    public bool IsText { get; }

    public ReadOnlyMemory<byte> Channel => channel;

    public ReadOnlyMemory<byte> Payload => payload;

    /// <summary>Whether subscribers share the payload, instead of a copy in a batch.</summary>
    public bool IsLarge => payload is { Length: > FrameBatch.LargePayload };

    /// <summary>The bytes that count for the limits of a log.</summary>
    public int Size => Overhead + (channel?.Length ?? 0) + (payload?.Length ?? 0);
}
