using Notifier.Messages;
using Notifier.Names;

namespace Notifier.History.Durable;

/// <summary>The log of one name, to which the journal's follower appends.</summary>
internal interface IJournalSink
{
    Name Name { get; }

    /// <summary>Durable messages belong to this epoch from now on.</summary>
    void OnEpoch(JournalEpoch epoch);

    /// <summary>The log will have every durable message after that one. Called once, before the first message.</summary>
    void BeginAfter(long journalId);

    /// <summary>The message, or a gap in its place if the message is too large.</summary>
    Message ReplaceIfTooLarge(in Message message);

    /// <summary>Appends messages.</summary>
    /// <param name="messages">As subscribers receive them.</param>
    /// <param name="due">Receives the broadcasts that the caller must run.</param>
    void Append(ReadOnlySpan<Message> messages, List<IBroadcast> due);

    /// <summary>Appends messages and broadcasts them in this thread, which must not be one that receives from Redis.</summary>
    void AppendAndBroadcast(ReadOnlySpan<Message> messages);

    /// <summary>Messages were dropped because they arrived faster than they could be delivered.</summary>
    /// <param name="dropped">How many.</param>
    void OnOverload(int dropped);

    /// <summary>An unexpected error; messages may be lost.</summary>
    void OnFailure(Exception error);
}
