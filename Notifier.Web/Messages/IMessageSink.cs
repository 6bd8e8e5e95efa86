using Notifier.Names;

namespace Notifier.Messages;

/// <summary>
/// Takes what Redis delivers for one name. Delivering only appends; sending is a second step (<see cref="IBroadcast"/>), so that whoever
/// has received many messages at once first appends all of them: the first write to a browser then carries what its other names have.
/// </summary>
internal interface IMessageSink
{
    /// <summary>The name it takes messages of.</summary>
    Name Name { get; }

    /// <summary>Appends messages, in this order. Never waits. Called by one thread at a time.</summary>
    /// <param name="messages">Copied before it returns.</param>
    /// <param name="due">Gets what the caller has to broadcast from now on.</param>
    void Deliver(ReadOnlySpan<Message> messages, List<IBroadcast> due);

    /// <summary>
    /// Whether so much waits to be sent that more would be dropped: then <see cref="Drop"/> spares making messages of it. Read by the thread that
    /// delivers.
    /// </summary>
    bool IsDropping => false;

    /// <summary>So many messages were not even made.</summary>
    void Drop(int messages, List<IBroadcast> due)
    {
    }

    /// <summary>Messages may have been lost just here.</summary>
    /// <param name="code">Why.</param>
    /// <param name="due">Gets what the caller has to broadcast from now on.</param>
    void OnGap(GapCode code, List<IBroadcast> due);

    /// <summary>Redis does not allow the name, or no longer: tells all subscribers. Called from any thread.</summary>
    void Refuse(string reason);
}

/// <summary>What one broadcast did.</summary>
/// <param name="HasMore">Whether more waits.</param>
/// <param name="Messages">How many messages the batch had.</param>
/// <param name="Took">How long it took to write them.</param>
internal readonly record struct BroadcastResult(bool HasMore, int Messages, TimeSpan Took);

/// <summary>Messages that were appended and wait to be sent. One thread at a time has it: the one that was given it.</summary>
internal interface IBroadcast
{
    /// <summary>
    /// Sends one batch to all subscribers that keep up. Never waits for a browser, never throws. To be called again, by this thread or another,
    /// until nothing more waits; from then on the next delivery gives it to somebody.
    /// </summary>
    /// <param name="sent">Called after each few writes with how many they were, large ones counted as several; null where nobody wants to know.</param>
    BroadcastResult Broadcast(Action<int>? sent);

    /// <summary>Sends until nothing waits.</summary>
    void Drain()
    {
        while (Broadcast(null).HasMore)
        {
        }
    }
}
