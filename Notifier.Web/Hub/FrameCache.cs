using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// Slices of logs that a thread has framed lately: a thousand connections that hold the same two names stand at the same place of
/// both, and a pass of one name that takes the other along frames it once.
/// </summary>
internal sealed class FrameCache
{
    private readonly Entry[] entries = [new(), new(), new(), new()];
    private readonly Message[] messages = new Message[256];
    private int turn;

    /// <summary>The small frames from a cursor on; nothing when the log has moved past it, or when the next is not small.</summary>
    public FrameBatch Get(Subscription subscription, WireFormat format, long cursor)
    {
        foreach (var entry in entries)
        {
            if (entry.Subscription == subscription && entry.From == cursor && entry.Format == format)
                return entry.Batch;
        }
        var oldest = entries[turn++ % entries.Length];
        oldest.From = cursor;
        oldest.Format = format;
        oldest.Batch = subscription.ReadBatch(cursor, format, oldest.Frames, messages, out _) is { Payload.IsEmpty: true } slice
            ? slice
            : FrameBatch.Nothing(0);
        oldest.Subscription = subscription;
        return oldest.Batch;
    }

    /// <summary>After a pass: what comes later is in none of them, and they keep nothing alive.</summary>
    public void Clear()
    {
        foreach (var entry in entries)
            entry.Subscription = null;
    }

    private sealed class Entry
    {
        public FrameBuffer Frames { get; } = new();

        public Subscription? Subscription { get; set; }

        public WireFormat? Format { get; set; }

        public long From { get; set; }

        public FrameBatch Batch { get; set; }
    }
}
