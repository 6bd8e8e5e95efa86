using System.Buffers.Text;
using System.Globalization;
using Notifier.Messages;

namespace Notifier.History.Durable;

/// <summary>What Redis keeps of one channel after some id.</summary>
/// <param name="Messages">In order, each with its id and its channel.</param>
/// <param name="HasMore">Whether there are more after them.</param>
/// <param name="Latest">The channel's latest id; null when that was dropped for its age.</param>
/// <param name="Previous">The id that the channel had before the first of these; zero when that was dropped for its age.</param>
internal sealed record ChannelPage(Message[] Messages, bool HasMore, long? Latest, long Previous)
{
    public long LastId => Messages.Length > 0 ? Messages[^1].JournalId : 0;

    /// <param name="channel">What the messages are to say that they are of, or null.</param>
    /// <param name="latest">The channel's latest id, or nothing.</param>
    /// <param name="hasMore">Whether there are more.</param>
    /// <param name="entries">As read.lua returns them.</param>
    /// <param name="maxBytes">Of a payload: a gap takes the place of larger ones.</param>
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
    /// <param name="oldest">What has a lower one may have been dropped for its age, and nobody knows.</param>
    public bool IsWholeAfter(long after, long oldest)
    {
        if (Messages.Length == 0)
            return Latest is { } latest ? latest <= after : after >= oldest;
        // Zero: there was none for as long as messages are kept before the first of these.
        return Previous > 0 ? Previous <= after : after >= oldest;
    }
}
