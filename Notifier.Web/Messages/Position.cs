namespace Notifier.Messages;

/// <summary>How far a client has read a name.</summary>
/// <param name="Number">The last message's number in this node's log; <see cref="NoNumber"/> if the message is not from the log.</param>
/// <param name="JournalId">The last durable message's id in Redis' journal; zero if none is known.</param>
internal readonly record struct Position(long Number, long JournalId = 0)
{
    public const long NoNumber = -1;

    public static Position InJournal(long id) => new(NoNumber, id);
}
