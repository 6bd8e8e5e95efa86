using Notifier.Names;

namespace Notifier.Messages;

/// <summary>
/// Receives the messages that Redis delivers for one name. Delivering only appends them; sending is a second step (<see cref="IBroadcast"/>). So a
/// thread that receives messages of several names appends all of them first, and one write to a browser then contains all of them.
/// </summary>
internal interface IMessageSink
{
    /// <summary>The name whose messages this sink receives.</summary>
    Name Name { get; }

    /// <summary>Appends messages, in this order. Never waits. Called by one thread at a time.</summary>
    /// <param name="messages">Copied before the method returns.</param>
    /// <param name="due">Receives the broadcasts that the calling thread now has to run.</param>
    void Deliver(ReadOnlySpan<Message> messages, List<IBroadcast> due);

    /// <summary>
    /// Whether the backlog is full, so that further messages would be dropped. If so, the delivering thread calls <see cref="Drop"/> instead of
    /// creating messages.
    /// </summary>
    bool IsDropping => false;

    /// <summary>Counts messages that the delivering thread dropped without creating them.</summary>
    void Drop(int messages, List<IBroadcast> due)
    {
    }

    /// <summary>Messages may have been lost at this point.</summary>
    /// <param name="code">Why.</param>
    /// <param name="due">Receives the broadcasts that the calling thread now has to run.</param>
    void OnGap(GapCode code, List<IBroadcast> due);

    /// <summary>Redis does not allow the name, or no longer does: notifies all subscribers. Called from any thread.</summary>
    void OnDenied(string reason);
}

/// <summary>The result of one broadcast.</summary>
/// <param name="HasMore">Whether more messages wait.</param>
/// <param name="Messages">The number of messages in the batch.</param>
/// <param name="Took">The time that the writes took.</param>
internal readonly record struct BroadcastResult(bool HasMore, int Messages, TimeSpan Took);

/// <summary>Messages that were appended and wait to be sent. Owned by one thread at a time: the one that received it from <see cref="IMessageSink"/>.</summary>
internal interface IBroadcast
{
    /// <summary>
    /// Sends one batch to all subscribers that keep up. Never waits for a browser, never throws. To be called again, by this thread or another,
    /// until <see cref="BroadcastResult.HasMore"/> is false. From then on, the thread of the next delivery owns the broadcast.
    /// </summary>
    /// <param name="sent">Called after every few writes with their number; a large write counts as several. Null if not needed.</param>
    BroadcastResult Broadcast(Action<int>? sent);

    /// <summary>Sends until no message waits.</summary>
    void Drain()
    {
        while (Broadcast(null).HasMore)
        {
        }
    }
}
