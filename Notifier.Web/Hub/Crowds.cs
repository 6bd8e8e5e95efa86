using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>All subscribers of a name, by what they speak. They come and go under the subscription's lock. A field, never copied.</summary>
internal struct Crowds
{
    private Crowd? first;

    /// <summary>The first of them, and by it all. May be asked for without the lock: there are only ever more.</summary>
    public Crowd? First => Volatile.Read(ref first);

    /// <summary>Under the lock.</summary>
    public void Add(Subscriber subscriber) => Of(subscriber.Connection.Format).Add(subscriber);

    /// <summary>Under the lock.</summary>
    public void Remove(Subscriber subscriber) => Of(subscriber.Connection.Format).Remove(subscriber);

    /// <summary>Visits everybody who is there, somebody perhaps twice. Not for each message: it takes memory.</summary>
    /// <param name="gate">The subscription's lock.</param>
    /// <param name="visit">Called without it.</param>
    public void Visit(Lock gate, Action<Subscriber> visit)
    {
        var room = new Subscriber[256];
        for (var crowd = First; crowd is not null; crowd = crowd.Next)
        {
            foreach (var chunk in crowd.InChunks(gate, room))
            {
                foreach (var subscriber in chunk)
                    visit(subscriber);
            }
        }
    }

    private Crowd Of(WireFormat format)
    {
        for (var crowd = first; crowd is not null; crowd = crowd.Next)
        {
            if (crowd.Format == format)
                return crowd;
        }
        var another = new Crowd(format, first);
        Volatile.Write(ref first, another);
        return another;
    }
}
