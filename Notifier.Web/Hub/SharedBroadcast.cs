using Notifier.Connections;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// One batch given to many subscribers by several threads: each takes chunks that nobody has. The thread that owns it waits at the end until the others
/// have done theirs, so that the batch's bytes may be overwritten then, and the next batch comes to each subscriber after this one. One per thread,
/// used again and again.
/// </summary>
internal sealed class SharedBroadcast : IDeliveryWork
{
    /// <summary>With fewer subscribers than this for each thread it does not pay.</summary>
    private const int SubscribersForHelper = 512;

    private readonly Lock gate = new();
    private int helping;
    private Exception? failure;

    // What is shared, under the lock; null when nothing is.
    private ChunkedSet<Subscriber>? members;
    private Lock? membersGate;
    private FrameBatch batch;
    private long number;
    private int end;

    /// <summary>How many helpers are of use for so many subscribers.</summary>
    public static int HelpersFor(int subscribers) => (subscribers / SubscribersForHelper) - 1;

    /// <summary>Gives a batch to all of them. Called by the owner.</summary>
    public void Broadcast(DeliveryHelpers helpers, int count, ChunkedSet<Subscriber> to, Lock toGate, in FrameBatch frames, long first, Action<int>? sent)
    {
        failure = null;
        lock (gate)
            (members, membersGate, batch, number, end) = (to, toGate, frames, first, int.MaxValue);
        helpers.Call(this, count);
        try
        {
            TakePart(sent);
        }
        finally
        {
            lock (gate)
                (members, membersGate, batch) = (null, null, default);
            // Each has a chunk in hand at most.
            for (var spin = new SpinWait(); Volatile.Read(ref helping) > 0;)
                spin.SpinOnce(sleep1Threshold: 100);
        }
        if (Interlocked.Exchange(ref failure, null) is { } failed)
            throw new InvalidOperationException("A thread that helped has failed.", failed);
    }

    /// <summary>By a thread that may come late: for the batch that is shared then, or for none.</summary>
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
            TakePart(sent: null);
        }
        catch (Exception error)
        {
            failure = error;
        }
        Interlocked.Decrement(ref helping);
    }

    private void TakePart(Action<int>? sent)
    {
        var scratch = DispatchBuffers.ForThisThread;
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
                room = scratch.ChunkFor(DispatchBuffers.CostOf(frames)).Span;
                lock (membersGate!)
                    count = members.CopyChunk(ref end, room);
            }
            if (count == 0)
                break;
            foreach (var subscriber in room[..count])
                subscriber.Deliver(frames, first, first + frames.Count);
            room[..count].Clear();
            sent?.Invoke(count * DispatchBuffers.CostOf(frames));
        }
        scratch.Slices.Clear();
    }
}
