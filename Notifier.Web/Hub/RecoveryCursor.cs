using Notifier.History.Durable;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// A subscriber's place among the journal's messages that precede the log: up to where it was sent, and the page that follows, if that is in memory. Many
/// subscribers share a page. Used by the connection's owner only, except for <see cref="Release"/>.
/// </summary>
internal sealed class RecoveryCursor(ReplayPages pages, long after)
{
    /// <summary>The most messages of one batch.</summary>
    private const int MaxMessages = 256;

    private ReplayPage? page;

    /// <summary>The page of the current batch. The node may discard it meanwhile.</summary>
    private JournalPage? reading;
    private int at;

    /// <summary>The id up to which all durable messages were sent.</summary>
    public long SentUpTo { get; private set; } = after;

    /// <summary>Continues with a page that begins after <see cref="SentUpTo"/>.</summary>
    public void Continue(JournalPage next)
    {
        (reading, at) = (null, 0);
        if (next.Messages.Length > 0)
            Volatile.Write(ref page, pages.Hold(next));
        else
            SentUpTo = next.UpTo;
    }

    /// <summary>
    /// Encodes the next messages of the page; <see cref="Advance"/> must follow. Null if there is no page in memory: the next one begins after
    /// <see cref="SentUpTo"/>. Valid until <paramref name="frames"/> is used again.
    /// </summary>
    public FrameBatch? ReadBatch(WireFormat format, SubscriptionIdentity identity, FrameBuffer frames)
    {
        reading = Volatile.Read(ref page)?.Read();
        return reading is null ? null : format.Encode(
            frames, reading.Messages.AsSpan(at, Math.Min(MaxMessages, reading.Messages.Length - at)), identity, Position.NoNumber);
    }

    /// <summary>The first messages of the batch were sent.</summary>
    public void Advance(int messages)
    {
        at += messages;
        if (at == reading!.Messages.Length)
        {
            SentUpTo = reading.UpTo;
            Release();
        }
        else if (at > 0)
            SentUpTo = reading.Messages[at - 1].JournalId;
    }

    /// <summary>Needs the page no longer. Any thread may call it, also twice.</summary>
    public void Release()
    {
        if (Interlocked.Exchange(ref page, null) is { } released)
            pages.Release(released);
    }
}
