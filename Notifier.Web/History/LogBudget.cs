namespace Notifier.History;

/// <summary>The size of all logs of a node together, and its limit. Thread-safe.</summary>
/// <param name="limit">The limit, in <see cref="Messages.Message.Size"/>.</param>
internal sealed class LogBudget(long limit)
{
    private readonly Lock makingRoom = new();
    private long bytes;

    public long Bytes => Volatile.Read(ref bytes);

    /// <summary>Called, outside the locks of logs, with the number of bytes to discard.</summary>
    public Action<long>? Exceeded { get; set; }

    /// <summary>Called by a log under its owner's lock.</summary>
    public void Add(long change) => Interlocked.Add(ref bytes, change);

    /// <summary>Makes room if the limit is exceeded. Called without any lock; while one thread makes room, others do not wait for it.</summary>
    public void Enforce()
    {
        if (Bytes <= limit || !makingRoom.TryEnter())
            return;
        try
        {
            Exceeded?.Invoke(Bytes - (limit - (limit / 10)));
        }
        finally
        {
            makingRoom.Exit();
        }
    }
}
