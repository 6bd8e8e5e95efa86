using Notifier.Connections;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>All subscribers of a name, grouped by wire format. They change under the subscription's lock. A field, never copied.</summary>
internal struct SubscriberSet
{
    private FormatGroup? first;

    /// <summary>The first group of a linked list. May be read without the lock, because groups are never removed.</summary>
    public FormatGroup? First => Volatile.Read(ref first);

    /// <summary>Under the lock.</summary>
    public void Add(Subscriber subscriber) => GroupOf(subscriber.Connection.Format).Add(subscriber);

    /// <summary>Under the lock.</summary>
    public void Remove(Subscriber subscriber) => GroupOf(subscriber.Connection.Format).Remove(subscriber);

    /// <summary>Calls a function for each subscriber, perhaps twice for some. Not for use per message, because it allocates.</summary>
    /// <param name="gate">The subscription's lock.</param>
    /// <param name="action">Called without the lock.</param>
    public void ForEach(Lock gate, Action<Subscriber> action)
    {
        var room = new Subscriber[256];
        for (var group = First; group is not null; group = group.Next)
        {
            foreach (var chunk in group.InChunks(gate, room))
            {
                foreach (var subscriber in chunk)
                    action(subscriber);
            }
        }
    }

    private FormatGroup GroupOf(WireFormat format)
    {
        for (var group = first; group is not null; group = group.Next)
        {
            if (group.Format == format)
                return group;
        }
        var another = new FormatGroup(format, first);
        Volatile.Write(ref first, another);
        return another;
    }
}

/// <summary>The subscribers of a name with the same wire format: a message is encoded once for all of them. Under the subscription's lock.</summary>
/// <param name="format">Their format.</param>
/// <param name="next">The next group; null for the last.</param>
internal sealed class FormatGroup(WireFormat format, FormatGroup? next) : ChunkedSet<Subscriber>
{
    public WireFormat Format => format;

    public FormatGroup? Next => next;

    /// <summary>Delivers a batch to each subscriber. Called without the lock.</summary>
    /// <param name="batch">The frames.</param>
    /// <param name="number">The number of the first message.</param>
    /// <param name="gate">The subscription's lock.</param>
    /// <param name="helpers">Threads that help if there are many subscribers.</param>
    /// <param name="sent">See <see cref="IBroadcast.Broadcast"/>.</param>
    public void Broadcast(in FrameBatch batch, long number, Lock gate, DeliveryHelpers helpers, Action<int>? sent)
    {
        if (helpers.Max > 0 && SharedBroadcast.HelpersFor(Count) is > 0 and var count)
        {
            SharedBroadcast.ForThisThread.Broadcast(helpers, count, this, gate, batch, number, sent);
            return;
        }
        var cost = SubscriberChunk.CostOf(batch);
        foreach (var chunk in InChunks(gate, SubscriberChunk.For(cost)))
        {
            foreach (var subscriber in chunk)
                subscriber.Deliver(batch, number, number + batch.Count);
            sent?.Invoke(chunk.Length * cost);
        }
        DispatchBuffers.ForThisThread.Cache.Clear();
    }
}

/// <summary>The array to which a thread copies subscribers before it writes to them. One for each thread.</summary>
internal static class SubscriberChunk
{
    private const int Largest = 256;
    private const int Smallest = 8;

    /// <summary>In bytes. For a smaller write, the system call takes most of the time.</summary>
    private const int WriteSize = 8 * 1024;

    [ThreadStatic]
    private static Subscriber[]? forThisThread;

    /// <summary>The cost of one write of the batch, as a number of small writes.</summary>
    public static int CostOf(in FrameBatch batch) => 1 + ((batch.Bytes.Length + batch.Payload.Length) / WriteSize);

    /// <summary>Room for so few subscribers that writing to all of them takes no longer than about half a millisecond.</summary>
    public static Memory<Subscriber> For(int cost) => (forThisThread ??= new Subscriber[Largest]).AsMemory(0, Math.Max(Smallest, Largest / cost));
}
