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
