using System.Buffers.Text;
using System.Globalization;
using Notifier.Messages;

namespace Notifier.History.Durable;

/// <summary>The messages of one channel after an id, as Redis keeps them.</summary>
/// <param name="Messages">In order, each with its id and its channel.</param>
/// <param name="HasMore">Whether Redis has more after them.</param>
/// <param name="Latest">The channel's latest id; null if Redis dropped it because of its age.</param>
/// <param name="Previous">The id of the channel's message before these; zero if Redis dropped it because of its age.</param>
internal sealed record ChannelPage(Message[] Messages, bool HasMore, long? Latest, long Previous)
{
    public long LastId => Messages.Length > 0 ? Messages[^1].JournalId : 0;

    /// <param name="channel">The channel that each message names; null if the subscription's name is that channel.</param>
    /// <param name="latest">The channel's latest id; may be empty.</param>
    /// <param name="hasMore">Whether there are more.</param>
    /// <param name="entries">As read.lua returns them.</param>
    /// <param name="maxBytes">The limit of a payload. A gap replaces a larger one.</param>
    public static ChannelPage Parse(byte[]? channel, string? latest, bool hasMore, byte[][] entries, int maxBytes)
    {
        var messages = new Message[entries.Length];
        var previous = 0L;
        for (var n = 0; n < entries.Length; n++)
        {
            var entry = entries[n].AsSpan();
            _ = Utf8Parser.TryParse(entry, out long id, out var digits);
            _ = Utf8Parser.TryParse(entry[(digits + 1)..], out long before, out var more);
            if (n == 0)
                previous = before;
            var payload = entry[(digits + 1 + more + 1)..];
            var message = payload.Length > maxBytes ? Message.GapOf(GapCode.TooLarge) : Message.Create(channel, payload.ToArray());
            messages[n] = message with { JournalId = id };
        }
        return new(messages, hasMore, string.IsNullOrEmpty(latest) ? null : long.Parse(latest, CultureInfo.InvariantCulture), previous);
    }

    /// <summary>Whether Redis has dropped no message after an id.</summary>
    /// <param name="after">The id.</param>
    /// <param name="oldest">Redis may have dropped messages with a lower id because of their age, without a trace in the remaining messages.</param>
    public bool IsWholeAfter(long after, long oldest)
    {
        if (Messages.Length == 0)
            return Latest is { } latest ? latest <= after : after >= oldest;
        // Zero: the channel had no earlier message that is young enough to be kept.
        return Previous > 0 ? Previous <= after : after >= oldest;
    }
}
