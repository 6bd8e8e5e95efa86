namespace Notifier.Messages;

/// <summary>Where a client stands in a name: what it has got up to here, it need not get again.</summary>
/// <param name="Number">Of the last message, in the log of this node; <see cref="NoNumber"/> where it did not come from there.</param>
/// <param name="JournalId">Of the last durable message, in Redis' journal; zero where none is known.</param>
internal readonly record struct Position(long Number, long JournalId = 0)
{
    public const long NoNumber = -1;

    public static Position InJournal(long id) => new(NoNumber, id);
}
