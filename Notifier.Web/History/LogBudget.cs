namespace Notifier.History;

/// <summary>What all logs of a node hold together, and may. Thread-safe.</summary>
/// <param name="most">In bytes, as messages count them.</param>
internal sealed class LogBudget(long most)
{
    private readonly Lock making = new();
    private long bytes;

    public long Bytes => Volatile.Read(ref bytes);

    /// <summary>Called, outside all locks of logs, with how many bytes have to go.</summary>
    public Action<long>? Exceeded { get; set; }

    /// <summary>Called by a log under its owner's lock.</summary>
    public void Add(long change) => Interlocked.Add(ref bytes, change);

    /// <summary>Makes room when it is needed. Called without any lock; where one thread does it, others go on.</summary>
    public void Keep()
    {
        if (Bytes <= most || !making.TryEnter())
            return;
        try
        {
            Exceeded?.Invoke(Bytes - (most - (most / 10)));
        }
        finally
        {
            making.Exit();
        }
    }
}
