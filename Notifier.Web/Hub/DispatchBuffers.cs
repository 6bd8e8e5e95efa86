using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// The buffers of a thread that frames and sends messages. Broadcasts and slices are synchronous, so one set for each thread serves all names: a quiet
/// name owns no buffer.
/// </summary>
internal sealed class DispatchBuffers
{
    [ThreadStatic]
    private static DispatchBuffers? forThisThread;

    /// <summary>How many messages a batch has at most.</summary>
    public const int MaxMessages = 1024;

    public static DispatchBuffers ForThisThread => forThisThread ??= new DispatchBuffers();

    public FrameBuffer Frames { get; } = new();

    public FrameCache Cache { get; } = new();

    public Message[] Messages { get; } = new Message[MaxMessages];
}
