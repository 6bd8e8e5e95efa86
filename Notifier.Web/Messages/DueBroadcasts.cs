namespace Notifier.Messages;

/// <summary>The broadcasts that a delivery left to a thread that does not receive from Redis. One per call; the list is reused.</summary>
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
