namespace Notifier.Messages;

/// <summary>
/// Threads that help the one that reads from Redis to deliver, where there is enough to do and cores are free. They are the pool's, and only ever take
/// work that nobody has begun: where all cores are busy, they come late and find nothing, and the reader has done it by itself. Thread-safe.
/// </summary>
/// <param name="threads">How many threads may deliver at once, the reader included; 0 for as many as the machine is good for.</param>
internal sealed class DeliveryHelpers(int threads)
{
    /// <summary>Half the processors: browsers, Redis and the kernel's network work need the others.</summary>
    private readonly int most = (threads == 0 ? Math.Clamp(Environment.ProcessorCount / 2, 1, 16) : threads) - 1;

    private int busy;

    /// <summary>None: the reader does everything.</summary>
    public static DeliveryHelpers None { get; } = new(1);

    /// <summary>How many may help at once.</summary>
    public int Most => most;

    /// <summary>Has up to so many helpers do the work, as many as are free. Never waits.</summary>
    /// <param name="work">Executed once by each helper; must end by itself when nothing is left.</param>
    /// <param name="count">How many can be of use.</param>
    public void Call(IDeliveryWork work, int count)
    {
        for (; count > 0 && TryTake(); count--)
            ThreadPool.UnsafeQueueUserWorkItem(new Helper(this, work), preferLocal: false);
    }

    private bool TryTake()
    {
        if (Interlocked.Increment(ref busy) <= Most)
            return true;
        Interlocked.Decrement(ref busy);
        return false;
    }

    private sealed class Helper(DeliveryHelpers helpers, IDeliveryWork work) : IThreadPoolWorkItem
    {
        public void Execute()
        {
            try
            {
                work.Help();
            }
            finally
            {
                Interlocked.Decrement(ref helpers.busy);
            }
        }
    }
}

/// <summary>Work that several threads can do at once, piece by piece.</summary>
internal interface IDeliveryWork
{
    /// <summary>Takes pieces that nobody has begun until there is none. Never throws.</summary>
    void Help();
}
