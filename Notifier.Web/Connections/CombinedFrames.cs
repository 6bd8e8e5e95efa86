using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// Frames of several sources of one connection, combined into one write: a system call costs more than copying a few kilobytes. One per
/// thread.
/// </summary>
internal sealed class CombinedFrames
{
    [ThreadStatic]
    private static CombinedFrames? forThisThread;

    private readonly FrameBuffer buffer = new();
    private readonly List<(FrameSource Source, int Messages)> parts = [];

    public static CombinedFrames ForThisThread => forThisThread ??= new CombinedFrames();

    /// <summary>How many messages the frames contain.</summary>
    public int Messages { get; private set; }

    public FrameBatch Batch => new(buffer.Written, Messages);

    public void Begin(in FrameBatch first)
    {
        buffer.Clear();
        parts.Clear();
        Messages = 0;
        Append(first);
    }

    /// <summary>Adds the next frames of a source, while there is room.</summary>
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

    /// <summary>After the messages of the first source, the next <paramref name="sent"/> need not be sent again.</summary>
    public void Advance(int sent)
    {
        foreach (var (source, messages) in parts)
        {
            var ofSource = Math.Min(sent, messages);
            if (ofSource > 0)
                source.Advance(ofSource);
            sent -= ofSource;
        }
        parts.Clear();      // or the list would keep the sources in memory
    }

    private void Append(in FrameBatch batch)
    {
        batch.Bytes.Span.CopyTo(buffer.Append(batch.Bytes.Length));
        Messages += batch.Count;
    }
}
