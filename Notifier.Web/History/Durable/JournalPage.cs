using Notifier.Messages;

namespace Notifier.History.Durable;

/// <summary>Where the journal stands.</summary>
/// <param name="Epoch">The life it is in.</param>
/// <param name="Id">That of the latest message, on whatever channel.</param>
/// <param name="Now">Redis' time, as an id.</param>
internal readonly record struct JournalHead(JournalEpoch Epoch, long Id, long Now);

/// <summary>Some messages of the journal, in order.</summary>
/// <param name="Epoch">The life it is in.</param>
/// <param name="After">The id after which.</param>
/// <param name="UpTo">The id up to which they are all.</param>
/// <param name="IsWhole">Whether none is missing after <paramref name="After"/>: none was dropped.</param>
/// <param name="IsLast">Whether the journal had no more.</param>
/// <param name="Messages">Each with its id; with its channel, where it is of a pattern.</param>
internal sealed record JournalPage(JournalEpoch Epoch, long After, long UpTo, bool IsWhole, bool IsLast, Message[] Messages)
{
    /// <summary>Whether a position is of this life of the journal, which has not lost it.</summary>
    public bool Contains(JournalPosition position) => position.Mark == Epoch.Mark && Epoch.Contains(position.Id) && position.Id <= UpTo;
}

/// <summary>A durable message that was delivered here.</summary>
internal sealed record SeenMessage(JournalEpoch Epoch, ReadOnlyMemory<byte> Channel, long Id);
