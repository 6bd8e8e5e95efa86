using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// What a thread needs while it frames and sends messages. Passes and slices are synchronous, so one for each thread
/// serves all names: a quiet name owns no buffer.
/// </summary>
internal sealed class DispatchBuffers
{
    [ThreadStatic]
    private static DispatchBuffers? forThisThread;

    /// <summary>How many messages a batch has at most.</summary>
    public const int MaxMessages = 1024;

    private const int LargestChunk = 256;
    private const int SmallestChunk = 8;

    /// <summary>Up to here the system call is what takes the time.</summary>
    private const int WriteSize = 8 * 1024;

    public static DispatchBuffers ForThisThread => forThisThread ??= new DispatchBuffers();

    public FrameBuffer Frames { get; } = new();

    public FrameCache Slices { get; } = new();

    public Message[] Messages { get; } = new Message[MaxMessages];

    private readonly Subscriber[] chunk = new Subscriber[LargestChunk];

    /// <summary>What a write of this batch costs: as much as so many small writes.</summary>
    public static int CostOf(in FrameBatch batch) => 1 + ((batch.Bytes.Length + batch.Payload.Length) / WriteSize);

    /// <summary>Room for some subscribers of a name, so few that writing to all of them takes no longer than half a millisecond or so.</summary>
    public Memory<Subscriber> ChunkFor(int cost) => chunk.AsMemory(0, Math.Max(SmallestChunk, LargestChunk / cost));

    public SharedBroadcast Sharing { get; } = new();
}
