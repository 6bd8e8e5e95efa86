namespace Notifier.Messages;

/// <summary>One life of the journal in Redis: it ends when Redis loses messages that it had taken.</summary>
/// <param name="Text">A secret: who knows it can pass a text off as a durable message.</param>
/// <param name="Mark">What clients see of it, in positions.</param>
/// <param name="Since">The id that the journal stood at when it began.</param>
internal sealed record JournalEpoch(string Text, string Mark, long Since)
{
    /// <summary>No journal is known: no line is genuine, and no position good.</summary>
    public static JournalEpoch None { get; } = new("", "", long.MaxValue);

    /// <summary>Whether an id may be of this life: time makes ids, so all of earlier ones are lower.</summary>
    public bool Contains(long id) => id >= Since;
}
