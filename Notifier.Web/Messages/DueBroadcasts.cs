namespace Notifier.Messages;

/// <summary>Collects the broadcasts that a delivery leaves to its thread, if that thread does not receive from Redis. One per delivery; the list is reused.</summary>
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
