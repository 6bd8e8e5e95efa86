using Notifier.Connections;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>All subscribers of a name, by what they speak. They come and go under the subscription's lock. A field, never copied.</summary>
internal struct SubscriberSet
{
    private FormatGroup? first;

    /// <summary>The first of them, and by it all. May be asked for without the lock: there are only ever more.</summary>
    public FormatGroup? First => Volatile.Read(ref first);

    /// <summary>Under the lock.</summary>
    public void Add(Subscriber subscriber) => GroupOf(subscriber.Connection.Format).Add(subscriber);

    /// <summary>Under the lock.</summary>
    public void Remove(Subscriber subscriber) => GroupOf(subscriber.Connection.Format).Remove(subscriber);

    /// <summary>Visits everybody who is there, somebody perhaps twice. Not for each message: it takes memory.</summary>
    /// <param name="gate">The subscription's lock.</param>
    /// <param name="access">Called without it.</param>
    public void ForEach(Lock gate, Action<Subscriber> access)
    {
        var room = new Subscriber[256];
        for (var group = First; group is not null; group = group.Next)
        {
            foreach (var chunk in group.InChunks(gate, room))
            {
                foreach (var subscriber in chunk)
                    access(subscriber);
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

/// <summary>Those subscribers of a name that speak the same format: for them a message is encoded once. Under the subscription's lock.</summary>
/// <param name="format">What they speak.</param>
/// <param name="next">Those that speak another; there are only ever more.</param>
internal sealed class FormatGroup(WireFormat format, FormatGroup? next) : ChunkedSet<Subscriber>
{
    public WireFormat Format => format;

    public FormatGroup? Next => next;
}
