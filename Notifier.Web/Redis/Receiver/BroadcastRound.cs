using System.Diagnostics.CodeAnalysis;
using Notifier.Messages;

namespace Notifier.Redis.Receiver;

/// <summary>What is to be broadcast after a read: each name is taken once, by the thread that reads or by one that helps.</summary>
internal sealed class BroadcastRound : IDeliveryWork
{
    /// <summary>For so many names it pays to call a helper.</summary>
    private const int NamesForHelper = 16;

    private IBroadcast[] broadcasts = [];
    private int count;
    private int next;

    /// <summary>Whether helpers may still look at it: then it is not used again.</summary>
    public bool IsShared { get; private set; }

    /// <summary>Whether all have been taken. Some may still be being broadcast.</summary>
    public bool IsOver => Volatile.Read(ref next) >= count;

    /// <summary>Takes these over, when all before were taken. Before it is shared.</summary>
    public void Fill(List<IBroadcast> ready)
    {
        if (broadcasts.Length < ready.Count)
            broadcasts = new IBroadcast[Math.Max(4, ready.Count * 2)];
        ready.CopyTo(broadcasts);
        count = ready.Count;
        next = 0;
        ready.Clear();
    }

    /// <summary>Has helpers take part, where there is enough for them.</summary>
    public void Share(DeliveryHelpers helpers)
    {
        var useful = Math.Min(helpers.Most, count / NamesForHelper);
        if (useful == 0)
            return;
        IsShared = true;
        helpers.Call(this, useful);
    }

    public bool TryTake([NotNullWhen(true)] out IBroadcast? taken)
    {
        taken = null;
        if (IsOver || Interlocked.Increment(ref next) is var at && at > count)
            return false;
        taken = broadcasts[at - 1];
        broadcasts[at - 1] = null!;      // a name that is gone must not stay in memory
        return true;
    }

    /// <summary>A helper stays with a name until nothing of it waits.</summary>
    void IDeliveryWork.Help()
    {
        while (TryTake(out var taken))
            taken.Drain();
    }
}
