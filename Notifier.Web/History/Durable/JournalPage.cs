using Notifier.Messages;

namespace Notifier.History.Durable;

/// <summary>The end of the journal.</summary>
/// <param name="Epoch">The journal's epoch.</param>
/// <param name="Id">The id of the latest message on any channel.</param>
/// <param name="Now">Redis' time, as an id.</param>
/// <param name="UnindexedUpTo">The indexes of channels have all messages after this id; null if an earlier notifier.lua has published the latest one.</param>
internal readonly record struct JournalHead(JournalEpoch Epoch, long Id, long Now, long? UnindexedUpTo = null);

/// <summary>What Redis has of the journal itself.</summary>
/// <param name="Exists">Whether there is one with a key for its lines.</param>
/// <param name="Lines">Which lines notifier.lua writes; null if an earlier version has created the journal.</param>
internal readonly record struct JournalState(bool Exists, string? Lines);

/// <summary>Consecutive messages of a name in the journal.</summary>
/// <param name="Epoch">The journal's epoch.</param>
/// <param name="After">The id after which the page begins.</param>
/// <param name="UpTo">The id up to which the page has all messages.</param>
/// <param name="IsWhole">Whether Redis has dropped no message after <paramref name="After"/>.</param>
/// <param name="IsLast">Whether the journal had no more.</param>
/// <param name="Messages">Each with its id; with its channel, if the name is a pattern.</param>
internal sealed record JournalPage(JournalEpoch Epoch, long After, long UpTo, bool IsWhole, bool IsLast, Message[] Messages)
{
    /// <summary>Whether a position belongs to this epoch of the journal, and is not after the page.</summary>
    public bool Contains(JournalPosition position) => position.EpochId == Epoch.PublicId && Epoch.Contains(position.Id) && position.Id <= UpTo;
}

/// <summary>A durable message that this node has delivered.</summary>
internal sealed record SeenMessage(JournalEpoch Epoch, ReadOnlyMemory<byte> Channel, long Id);
