using System.Buffers.Text;
using System.Globalization;
using Notifier.Messages;

namespace Notifier.History.Durable;

/// <summary>The messages of one channel that Redis keeps after some id.</summary>
/// <param name="Messages">In order, each with its id and its channel.</param>
/// <param name="HasMore">Whether there are more after them.</param>
/// <param name="Latest">The channel's latest id; null if that was dropped for its age.</param>
/// <param name="Previous">The channel's id before the first of these; zero if that was dropped for its age.</param>
internal sealed record ChannelPage(Message[] Messages, bool HasMore, long? Latest, long Previous)
{
    public long LastId => Messages.Length > 0 ? Messages[^1].JournalId : 0;

    /// <param name="channel">The channel that the messages name, or null.</param>
    /// <param name="latest">The channel's latest id; may be empty.</param>
    /// <param name="hasMore">Whether there are more.</param>
    /// <param name="entries">As read.lua returns them.</param>
    /// <param name="maxBytes">The largest payload: a gap replaces larger ones.</param>
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

    /// <summary>Whether none was dropped after that id.</summary>
    /// <param name="after">The id.</param>
    /// <param name="oldest">Messages with a lower id may have been dropped for their age without a trace.</param>
    public bool IsWholeAfter(long after, long oldest)
    {
        if (Messages.Length == 0)
            return Latest is { } latest ? latest <= after : after >= oldest;
        // Zero: before the first of these there was none for as long as messages are kept.
        return Previous > 0 ? Previous <= after : after >= oldest;
    }
}
