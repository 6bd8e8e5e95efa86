namespace Notifier.Messages;

/// <summary>
/// Collects the broadcasts that a delivery causes, and runs them in the delivering thread. Not for threads that receive from Redis: those queue broadcasts.
/// One per delivery; the list is reused.
/// </summary>
internal readonly ref struct DueBroadcasts()
{
    [ThreadStatic]
    private static List<IBroadcast>? spare;

    public List<IBroadcast> List { get; } = Interlocked.Exchange(ref spare, null) ?? [];

    public void Run()
    {
        foreach (var broadcast in List)
            broadcast.Drain();
        List.Clear();
        spare = List;
    }
}
