namespace Notifier.Messages;

/// <summary>An epoch of the journal in Redis: it ends when Redis loses messages that it had accepted.</summary>
/// <param name="Secret">Identifies the epoch inside Redis, and in the lines of earlier versions. Clients never see it.</param>
/// <param name="PublicId">Identifies the epoch in positions, which clients see, and in lines.</param>
/// <param name="Since">The journal's id when the epoch began.</param>
internal sealed record JournalEpoch(string Secret, string PublicId, long Since)
{
    /// <summary>The epoch while no journal is known: no line is genuine, and no position is valid.</summary>
    public static JournalEpoch None { get; } = new("", "", long.MaxValue);

    /// <summary>A secret: the key of the MAC in each line. Empty if unknown; then no line is genuine. Does not count for equality.</summary>
    public byte[] Key { get; init; } = [];

    /// <summary>Whether an id can be from this epoch: ids are made from the time, so those of earlier epochs are lower.</summary>
    public bool Contains(long id) => id >= Since;

    public bool Equals(JournalEpoch? other) => other is not null && Secret == other.Secret && PublicId == other.PublicId && Since == other.Since;

    public override int GetHashCode() => HashCode.Combine(Secret, PublicId, Since);
}
