using Notifier.Connections;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// What a thread needs while it frames and sends messages. Passes and slices are synchronous, so one for each thread
/// serves all names: a quiet name owns no buffer.
/// </summary>
internal sealed class PassScratch
{
    [ThreadStatic]
    private static PassScratch? ofThisThread;

    /// <summary>How many messages a batch has at most.</summary>
    public const int MostMessages = 1024;

    public static PassScratch OfThisThread => ofThisThread ??= new PassScratch();

    public FrameBuffer Frames { get; } = new();

    public RecentSlices Slices { get; } = new();

    public Message[] Messages { get; } = new Message[MostMessages];

    public Subscriber[] Chunk { get; } = new Subscriber[256];
}

/// <summary>What a thread that is no receiver was given to broadcast.</summary>
internal readonly ref struct DueBroadcasts()
{
    [ThreadStatic]
    private static List<IBroadcast>? spare;

    public List<IBroadcast> List { get; } = Interlocked.Exchange(ref spare, null) ?? [];

    public void Run()
    {
        foreach (var broadcast in List)
        {
            while (broadcast.Broadcast(null, out _))
            {
            }
        }
        List.Clear();
        spare = List;
    }
}
