using System.Text.Unicode;

namespace Notifier.Messages;

/// <summary>Why messages may be missing at some place of a subscription.</summary>
internal enum GapCode : byte
{
    /// <summary>No gap: the entry is a message.</summary>
    None,

    /// <summary>The connection to Redis was lost and came back; what was published meanwhile is gone.</summary>
    Redis,

    /// <summary>Messages were dropped here, because they came faster than they could be passed on.</summary>
    Overload,

    /// <summary>A message was larger than <c>Limits:PayloadBytes</c>.</summary>
    TooLarge,

    /// <summary>A mistake of Notifier's own; the log has it.</summary>
    Internal,

    /// <summary>Durable messages were fetched too late: the journal no longer had all of them.</summary>
    Trimmed,

    /// <summary>Redis has lost durable messages that it had taken.</summary>
    Reset,
}

/// <summary>
/// One payload published on one channel, or a gap in its place: what a log holds. The arrays are never written to again,
/// so they may be shared with every subscriber.
/// </summary>
internal readonly struct Message
{
    /// <summary>What an entry costs in memory besides its bytes: two array headers and its place in the log.</summary>
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

    /// <param name="channel">The channel it was published on; null where the subscription's name says it.</param>
    /// <param name="payload">The payload, not to be changed any more.</param>
    public static Message Create(byte[]? channel, byte[] payload) => new(channel, payload, GapCode.None, Utf8.IsValid(payload));

    /// <summary>The same without the first bytes of its payload.</summary>
    public Message WithoutBeginning(int bytes)
    {
        var rest = payload.AsSpan(bytes).ToArray();
        return new(channel, rest, Gap, Utf8.IsValid(rest));
    }

    /// <summary>The same for a subscription whose name says the channel.</summary>
    public Message WithoutChannel() => new(null, payload, Gap, IsText) { JournalId = JournalId };

    public static Message GapOf(GapCode code) => new(null, null, code, isText: false);

    public GapCode Gap { get; }

    /// <summary>
    /// Of the latest durable message of the name up to here, this one included: what Redis' journal numbers it by. Zero where there is no
    /// journal.
    /// </summary>
    public long JournalId { get; init; }

    /// <summary>Whether the payload is valid UTF-8. Found out once, for all its subscribers.</summary>
    public bool IsText { get; }

    public ReadOnlyMemory<byte> Channel => channel;

    public ReadOnlyMemory<byte> Payload => payload;

    /// <summary>Whether the payload is shared by those who get it, not copied into a batch with others.</summary>
    public bool IsLarge => payload is { Length: > FrameBatch.LargePayload };

    /// <summary>What the message counts for in the byte bounds of a log.</summary>
    public int Size => Overhead + (channel?.Length ?? 0) + (payload?.Length ?? 0);
}
