namespace Notifier.Messages;

/// <summary>
/// Threads of the pool that help the reader (the thread that reads from Redis) to deliver, if there is enough work and cores are free. A helper takes
/// only work that no thread has started. If all cores are busy, helpers start late, and the reader has already done all work. Thread-safe.
/// </summary>
/// <param name="threads">How many threads may deliver at once, including the reader; 0 chooses by the number of processors.</param>
internal sealed class DeliveryHelpers(int threads)
{
    private int busy;

    /// <summary>No helpers: the reader does everything.</summary>
    public static DeliveryHelpers None { get; } = new(1);

    /// <summary>How many helpers may work at once. By default half the processors, because browsers, Redis and the kernel's network code need the others.</summary>
    public int Max { get; } = (threads == 0 ? Math.Clamp(Environment.ProcessorCount / 2, 1, 16) : threads) - 1;

    /// <summary>Starts up to <paramref name="count"/> helpers, as many as are free. Never waits.</summary>
    /// <param name="work">Executed once by each helper; must end when no work is left.</param>
    /// <param name="count">How many helpers the work can use.</param>
    public void Call(IDeliveryWork work, int count)
    {
        for (; count > 0 && TryAcquire(); count--)
            ThreadPool.UnsafeQueueUserWorkItem(new Helper(this, work), preferLocal: false);
    }

    private bool TryAcquire()
    {
        if (Interlocked.Increment(ref busy) <= Max)
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

/// <summary>Work that several threads can share, piece by piece.</summary>
internal interface IDeliveryWork
{
    /// <summary>Does pieces that no thread has started, until none is left. Never throws.</summary>
    void Help();
}
