using Notifier.Messages;

namespace Notifier.History.Durable;

/// <summary>Merges messages of many channels into one page. Keeps no more messages and bytes than the page may have.</summary>
/// <param name="after">The id after which the page begins.</param>
/// <param name="end">The id at which the journal ends for this page.</param>
/// <param name="limit">How many messages the page may have.</param>
/// <param name="maxBytes">The size that the page may have, in <see cref="Message.Size"/>; the first message fits whatever its size.</param>
internal sealed class MergedPage(long after, long end, int limit, int maxBytes)
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

    /// <summary>Adds channels, many at a time: the messages are sorted each time.</summary>
    /// <param name="logs">The channels.</param>
    /// <param name="oldest">As for <see cref="ChannelPage.IsWholeAfter"/>.</param>
    public void Add(ChannelPage[] logs, long oldest)
    {
        var (before, last) = (messages.Count, upTo);
        foreach (var log in logs)
        {
            IsWhole &= log.IsWholeAfter(after, oldest);
            // If a channel has more, the page is complete only up to the last message of that channel.
            if (log.HasMore)
                upTo = Math.Min(upTo, log.LastId);
        }
        foreach (var log in logs)
            messages.AddRange(log.Messages.Where(message => message.JournalId <= upTo));
        if (messages.Count == before && upTo == last)
            return;
        messages.RemoveAll(message => message.JournalId > upTo);
        messages.Sort(static (one, other) => one.JournalId.CompareTo(other.JournalId));
        var fitting = PageSize.Fitting(messages, limit, maxBytes);
        if (fitting == messages.Count)
            return;
        upTo = messages[fitting - 1].JournalId;
        messages.RemoveRange(fitting, messages.Count - fitting);
    }
}

/// <summary>Collects the last messages of many channels. Keeps no more messages and bytes than one page may have.</summary>
/// <param name="limit">How many messages.</param>
/// <param name="maxBytes">Their size, in <see cref="Message.Size"/>; the last message fits whatever its size.</param>
internal sealed class LatestMessages(int limit, int maxBytes)
{
    private readonly List<Message> messages = [];

    /// <summary>Only messages after this id can still belong to the last ones.</summary>
    public long Since { get; private set; }

    /// <summary>How much of a channel may belong to the last messages.</summary>
    public ReadLimits Limits => new(limit, maxBytes, IsFromEnd: true);

    /// <summary>In order.</summary>
    public Message[] Messages => [.. messages];

    /// <summary>Adds channels, many at a time: the messages are sorted each time.</summary>
    public void Add(params ReadOnlySpan<ChannelPage> logs)
    {
        foreach (var log in logs)
        {
            messages.AddRange(log.Messages);
            // The earlier messages of that channel are not here, so those of other channels before them would leave a hole.
            if (log.HasMore)
                Since = Math.Max(Since, log.Previous);
        }
        messages.RemoveAll(message => message.JournalId <= Since);
        messages.Sort(static (one, other) => other.JournalId.CompareTo(one.JournalId));
        var fitting = PageSize.Fitting(messages, limit, maxBytes);
        if (fitting < messages.Count)
        {
            Since = messages[fitting].JournalId;
            messages.RemoveRange(fitting, messages.Count - fitting);
        }
        messages.Reverse();
    }
}

internal static class PageSize
{
    /// <summary>How many messages from the beginning fit into a page; at least one, if there is one.</summary>
    public static int Fitting(List<Message> messages, int limit, int maxBytes)
    {
        var (fitting, bytes) = (0, 0L);
        while (fitting < messages.Count && fitting < limit && ((bytes += messages[fitting].Size) <= maxBytes || fitting == 0))
            fitting++;
        return fitting;
    }
}
