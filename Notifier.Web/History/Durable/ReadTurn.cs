namespace Notifier.History.Durable;

/// <summary>A turn to read. Disposing it ends it, and charges what was read.</summary>
internal sealed class ReadTurn : IDisposable
{
    private readonly Action<ReadTurn> cancel;
    private readonly Action<ReadTurn> end;
    private readonly TaskCompletionSource<ReadTurn> granted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int hasEnded;

    /// <param name="client">Whose turn it is.</param>
    /// <param name="cancel">Removes the turn if it waits.</param>
    /// <param name="end">Ends the turn that was granted.</param>
    public ReadTurn(ReadClient client, Action<ReadTurn> cancel, Action<ReadTurn> end)
    {
        (Client, this.cancel, this.end) = (client, cancel, end);
        Place = new(this);
    }

    public ReadClient Client { get; }

    /// <summary>Counts what is read in this turn.</summary>
    public ReadMeter Meter { get; } = new();

    /// <summary>The place among those of its connection that wait.</summary>
    public LinkedListNode<ReadTurn> Place { get; }

    public Task<ReadTurn> Granted => granted.Task;

    public void Grant() => granted.TrySetResult(this);

    public void Cancel()
    {
        cancel(this);
        granted.TrySetCanceled();       // nothing happens if the turn was granted
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref hasEnded, 1) == 0)
            end(this);
    }
}
