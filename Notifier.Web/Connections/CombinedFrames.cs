using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// Frames of several feeds of one connection, put together to be sent in one write: a system call costs more than copying some
/// kilobytes. One per thread.
/// </summary>
internal sealed class CombinedFrames
{
    [ThreadStatic]
    private static CombinedFrames? forThisThread;

    private readonly FrameBuffer buffer = new();
    private readonly List<(FrameSource Feed, int Messages)> parts = [];

    public static CombinedFrames ForThisThread => forThisThread ??= new CombinedFrames();

    /// <summary>How many messages the frames stand for.</summary>
    public int Messages { get; private set; }

    public FrameBatch Batch => new(buffer.Written, Messages);

    public void Begin(in FrameBatch first)
    {
        buffer.Clear();
        parts.Clear();
        Messages = 0;
        Append(first);
    }

    /// <summary>Adds what comes next for a feed, while there is room.</summary>
    public void Add(FrameSource source)
    {
        if (buffer.Length >= FrameBatch.Full)
            return;
        var next = source.Next();
        if (next.Bytes.IsEmpty || buffer.Length + next.Bytes.Length > FrameBatch.Full)
            return;
        Append(next);
        parts.Add((source, next.Count));
    }

    /// <summary>Of the messages after those of the first feed, so many need not be sent again.</summary>
    public void Advance(int taken)
    {
        foreach (var (source, messages) in parts)
        {
            var ofFeed = Math.Min(taken, messages);
            if (ofFeed > 0)
                source.Advance(ofFeed);
            taken -= ofFeed;
        }
        parts.Clear();      // keeps nobody alive
    }

    private void Append(in FrameBatch batch)
    {
        batch.Bytes.Span.CopyTo(buffer.Append(batch.Bytes.Length));
        Messages += batch.Count;
    }
}
