namespace Notifier.Messages;

/// <summary>An epoch of the journal in Redis: it ends when Redis loses messages that it had accepted.</summary>
/// <param name="Secret">A secret: a client that knows it could forge durable messages.</param>
/// <param name="PublicId">Identifies the epoch in positions, which clients see.</param>
/// <param name="Since">The journal's id when the epoch began.</param>
internal sealed record JournalEpoch(string Secret, string PublicId, long Since)
{
    /// <summary>The epoch while no journal is known: no envelope is genuine, and no position is valid.</summary>
    public static JournalEpoch None { get; } = new("", "", long.MaxValue);

    /// <summary>Whether an id can be from this epoch: ids are made from the time, so those of earlier epochs are lower.</summary>
    public bool Contains(long id) => id >= Since;
}
