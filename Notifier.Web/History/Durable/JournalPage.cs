using Notifier.Messages;

namespace Notifier.History.Durable;

/// <summary>The end of the journal.</summary>
/// <param name="Epoch">The journal's epoch.</param>
/// <param name="Id">The id of the latest message on any channel.</param>
/// <param name="Now">Redis' time, as an id.</param>
internal readonly record struct JournalHead(JournalEpoch Epoch, long Id, long Now);

/// <summary>Some messages of the journal, in order.</summary>
/// <param name="Epoch">The journal's epoch.</param>
/// <param name="After">The id after which the page begins.</param>
/// <param name="UpTo">The id up to which the page has all messages.</param>
/// <param name="IsWhole">Whether none is missing after <paramref name="After"/>: none was dropped.</param>
/// <param name="IsLast">Whether the journal had no more.</param>
/// <param name="Messages">Each with its id; with its channel, if the name is a pattern.</param>
internal sealed record JournalPage(JournalEpoch Epoch, long After, long UpTo, bool IsWhole, bool IsLast, Message[] Messages)
{
    /// <summary>Whether a position belongs to this epoch of the journal, and the journal has not lost it.</summary>
    public bool Contains(JournalPosition position) => position.Mark == Epoch.Mark && Epoch.Contains(position.Id) && position.Id <= UpTo;
}

/// <summary>A durable message that this node has delivered.</summary>
internal sealed record SeenMessage(JournalEpoch Epoch, ReadOnlyMemory<byte> Channel, long Id);
