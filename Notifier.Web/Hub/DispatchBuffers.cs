using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// The buffers of a thread that encodes and sends messages. One set per thread serves all names, because encoding and sending are synchronous. So a quiet
/// name needs no buffer.
/// </summary>
internal sealed class DispatchBuffers
{
    [ThreadStatic]
    private static DispatchBuffers? forThisThread;

    /// <summary>The most messages of a batch.</summary>
    public const int MaxMessages = 1024;

    public static DispatchBuffers ForThisThread => forThisThread ??= new DispatchBuffers();

    public FrameBuffer Frames { get; } = new();

    public FrameCache Cache { get; } = new();

    public Message[] Messages { get; } = new Message[MaxMessages];
}
