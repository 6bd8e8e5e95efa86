using Notifier.Messages;

namespace Notifier.History.Durable;

/// <summary>Merges messages of many channels into one page. Keeps no more messages than the page may have.</summary>
/// <param name="end">The id at which the journal ends for this page.</param>
/// <param name="limit">How many messages the page may have.</param>
internal sealed class MergedPage(long end, int limit)
{
    private readonly long end = end;
    private readonly List<Message> messages = [];
    private long upTo = end;

    /// <summary>Whether Redis has dropped no message that belongs to the page.</summary>
    public bool IsWhole { get; set; }

    public bool IsLast => upTo == end;

    /// <summary>The id up to which the page has all messages.</summary>
    public long UpTo => upTo;

    public Message[] Messages => [.. messages];

    public void Add(ChannelPage log, bool isWhole)
    {
        IsWhole &= isWhole;
        messages.AddRange(log.Messages);
        // If a channel has more, the page is complete only up to the last message of that channel.
        if (log.HasMore)
            upTo = Math.Min(upTo, log.LastId);
        messages.Sort(static (one, other) => one.JournalId.CompareTo(other.JournalId));
        if (messages.Count > limit)
            upTo = Math.Min(upTo, messages[limit - 1].JournalId);
        messages.RemoveRange(Count(upTo), messages.Count - Count(upTo));
    }

    private int Count(long id)
    {
        var after = messages.FindIndex(message => message.JournalId > id);
        return after < 0 ? messages.Count : after;
    }
}
