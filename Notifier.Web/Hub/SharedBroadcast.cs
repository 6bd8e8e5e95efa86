using Notifier.Connections;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// One batch that several threads deliver to many subscribers: each thread takes chunks that no other thread has. The owner, the thread that broadcasts,
/// waits at the end until the helpers have finished their chunks. Then it may overwrite the batch's bytes, and each subscriber receives the next batch
/// after this one. One for each thread, reused.
/// </summary>
internal sealed class SharedBroadcast : IDeliveryWork
{
    /// <summary>With fewer subscribers for each thread, a helper costs more than it gains.</summary>
    private const int SubscribersForHelper = 512;

    [ThreadStatic]
    private static SharedBroadcast? forThisThread;

    private readonly Lock gate = new();
    private int helping;
    private Exception? failure;

    // The broadcast that is shared now, under the lock, or null.
    private ChunkedSet<Subscriber>? members;
    private Lock? membersGate;
    private FrameBatch batch;
    private long number;
    private int end;

    public static SharedBroadcast ForThisThread => forThisThread ??= new SharedBroadcast();

    /// <summary>How many helpers are useful for a number of subscribers.</summary>
    public static int HelpersFor(int subscribers) => (subscribers / SubscribersForHelper) - 1;

    /// <summary>Delivers a batch to all members. Called by the owner.</summary>
    public void Broadcast(DeliveryHelpers helpers, int count, ChunkedSet<Subscriber> to, Lock toGate, in FrameBatch frames, long first, Action<int>? sent)
    {
        failure = null;
        lock (gate)
            (members, membersGate, batch, number, end) = (to, toGate, frames, first, int.MaxValue);
        helpers.Call(this, count);
        try
        {
            DeliverChunks(sent);
        }
        finally
        {
            lock (gate)
                (members, membersGate, batch) = (null, null, default);
            // Each helper still delivers at most one chunk.
            for (var spin = new SpinWait(); Volatile.Read(ref helping) > 0;)
                spin.SpinOnce(sleep1Threshold: 100);
        }
        if (Interlocked.Exchange(ref failure, null) is { } failed)
            throw new InvalidOperationException("A helper thread failed.", failed);
    }

    /// <summary>Called by a helper, perhaps late: it delivers the batch that is shared at that time, if any.</summary>
    void IDeliveryWork.Help()
    {
        lock (gate)
        {
            if (members is null)
                return;
            Interlocked.Increment(ref helping);
        }
        try
        {
            DeliverChunks(sent: null);
        }
        catch (Exception error)
        {
            // The owner reports it. In a thread of the pool, an exception would end the process.
            failure = error;
        }
        Interlocked.Decrement(ref helping);
    }

    private void DeliverChunks(Action<int>? sent)
    {
        while (true)
        {
            FrameBatch frames;
            long first;
            int count;
            Span<Subscriber> room;
            lock (gate)
            {
                if (members is null)
                    break;
                (frames, first) = (batch, number);
                room = SubscriberChunk.For(SubscriberChunk.CostOf(frames)).Span;
                lock (membersGate!)
                    count = members.CopyChunk(ref end, room);
            }
            if (count == 0)
                break;
            foreach (var subscriber in room[..count])
                subscriber.Deliver(frames, first, first + frames.Count);
            room[..count].Clear();
            sent?.Invoke(count * SubscriberChunk.CostOf(frames));
        }
        DispatchBuffers.ForThisThread.Cache.Clear();
    }
}
