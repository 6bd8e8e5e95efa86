using System.Diagnostics.CodeAnalysis;
using Notifier.Messages;

namespace Notifier.Redis.Receiver;

/// <summary>The names to be broadcast after a read. One thread broadcasts each: the reader or a helper.</summary>
internal sealed class BroadcastBatch : IDeliveryWork
{
    /// <summary>With fewer names for each, a helper costs more than it gains.</summary>
    private const int NamesPerHelper = 16;

    private IBroadcast[] broadcasts = [];
    private int count;
    private int next;

    /// <summary>Whether helpers may still use this batch. If so, it must not be filled again.</summary>
    public bool IsShared { get; private set; }

    /// <summary>Whether all names were taken. Some broadcasts may still be running.</summary>
    public bool IsEmpty => Volatile.Read(ref next) >= count;

    /// <summary>Moves these names into the batch. Called while the batch is empty and not shared.</summary>
    public void Fill(List<IBroadcast> waiting)
    {
        if (broadcasts.Length < waiting.Count)
            broadcasts = new IBroadcast[Math.Max(4, waiting.Count * 2)];
        waiting.CopyTo(broadcasts);
        count = waiting.Count;
        next = 0;
        waiting.Clear();
    }

    /// <summary>Calls helpers if there are enough names for them.</summary>
    public void Share(DeliveryHelpers helpers)
    {
        var useful = Math.Min(helpers.Max, count / NamesPerHelper);
        if (useful == 0)
            return;
        IsShared = true;
        helpers.Call(this, useful);
    }

    public bool TryTake([NotNullWhen(true)] out IBroadcast? taken)
    {
        taken = null;
        if (IsEmpty || Interlocked.Increment(ref next) is var at && at > count)
            return false;
        taken = broadcasts[at - 1];
        broadcasts[at - 1] = null!;      // or a removed name would stay in memory
        return true;
    }

    /// <summary>A helper broadcasts a name until none of its messages waits.</summary>
    void IDeliveryWork.Help()
    {
        while (TryTake(out var taken))
            taken.Drain();
    }
}
