using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// The slices of logs that a thread has encoded last. A thousand connections with the same two names have the same cursors in both. So when a broadcast of
/// one name also sends waiting messages of the other, these are encoded only once.
/// </summary>
internal sealed class FrameCache
{
    private readonly Entry[] entries = [new(), new(), new(), new()];
    private readonly Message[] messages = new Message[256];
    private int turn;

    /// <summary>The small frames from a cursor on; none if the log no longer has the message at the cursor, or if the next frame is large.</summary>
    public FrameBatch Get(SubscriptionLog log, WireFormat format, long cursor)
    {
        foreach (var entry in entries)
        {
            if (entry.Log == log && entry.From == cursor && entry.Format == format)
                return entry.Batch;
        }
        var oldest = entries[turn++ % entries.Length];
        oldest.From = cursor;
        oldest.Format = format;
        oldest.Batch = log.ReadBatch(cursor, format, oldest.Frames, messages, out _) is { Payload.IsEmpty: true } slice
            ? slice
            : FrameBatch.Nothing(0);
        oldest.Log = log;
        return oldest.Batch;
    }

    /// <summary>Called after a broadcast, because the slices lack later messages, and must not keep logs in memory.</summary>
    public void Clear()
    {
        foreach (var entry in entries)
            entry.Log = null;
    }

    private sealed class Entry
    {
        public FrameBuffer Frames { get; } = new();

        public SubscriptionLog? Log { get; set; }

        public WireFormat? Format { get; set; }

        public long From { get; set; }

        public FrameBatch Batch { get; set; }
    }
}
