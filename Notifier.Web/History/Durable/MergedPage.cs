using Notifier.Messages;

namespace Notifier.History.Durable;

/// <summary>A page of the messages of many channels, merged: it keeps no more than it needs.</summary>
/// <param name="end">Later ids are not of this page.</param>
/// <param name="most">How many messages it may have.</param>
internal sealed class MergedPage(long end, int most)
{
    private readonly long end = end;
    private readonly List<Message> messages = [];
    private long upTo = end;

    /// <summary>Whether no channel has dropped any of them.</summary>
    public bool IsWhole { get; set; }

    public bool IsLast => upTo == end;

    /// <summary>Up to here it has all.</summary>
    public long UpTo => upTo;

    public Message[] Messages => [.. messages];

    public void Add(ChannelPage log, bool isWhole)
    {
        IsWhole &= isWhole;
        messages.AddRange(log.Messages);
        // Where a channel has more, what comes after that is not all there is.
        if (log.HasMore)
            upTo = Math.Min(upTo, log.LastId);
        messages.Sort(static (one, other) => one.JournalId.CompareTo(other.JournalId));
        if (messages.Count > most)
            upTo = Math.Min(upTo, messages[most - 1].JournalId);
        messages.RemoveRange(Count(upTo), messages.Count - Count(upTo));
    }

    private int Count(long id)
    {
        var after = messages.FindIndex(message => message.JournalId > id);
        return after < 0 ? messages.Count : after;
    }
}
