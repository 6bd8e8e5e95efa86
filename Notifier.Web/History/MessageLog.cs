using Notifier.Messages;

namespace Notifier.History;

/// <summary>Messages that a log no longer has.</summary>
/// <param name="Messages">How many; null if there was a gap among them, because the messages of a gap were not counted.</param>
/// <param name="Next">The number of the first message that the log still has, or will have.</param>
internal sealed record Loss(long? Messages, long Next);

/// <summary>
/// The last messages of one name, in order, with dense numbers that trimming never changes. Bounded by count, bytes and
/// age. Not thread-safe: its owner, a subscription, calls it under its lock.
/// </summary>
/// <remarks>Allocates nothing in advance, and releases its memory when it is empty: there may be 10,000 quiet names.</remarks>
internal sealed class MessageLog(RecentOptions bounds, TimeProvider time, LogBudget? budget = null)
{
    private const int SmallestRing = 4;

    /// <summary>A ring whose length is a power of two; entry n is at n modulo the length.</summary>
    private Entry[] ring = [];
    private long bytes;

    /// <summary>The number of the latest dropped gap: the number of messages that are missing up to there is unknown.</summary>
    private long lastGapDropped;

    private readonly record struct Entry(Message Message, long AppendedAt);

    /// <summary>The number of the oldest message; equal to <see cref="Next"/> if the log is empty.</summary>
    public long First { get; private set; } = 1;

    /// <summary>The number that the next message will get.</summary>
    public long Next { get; private set; } = 1;

    /// <summary>The number of the latest gap; zero when there was none.</summary>
    public long LastGap { get; private set; }

    /// <summary>
    /// The log has all durable messages with a higher id, and none with this id or a lower one. Zero if there is no journal.
    /// </summary>
    public long JournalIdBefore { get; set; }

    /// <summary>The journal's id at the latest gap: a client that has received messages only up to it has lost some. Negative if there was no gap.</summary>
    public long JournalIdOfGap { get; private set; } = -1;

    /// <summary>The size of the log's messages, in <see cref="Message.Size"/>.</summary>
    public long Bytes => bytes;

    /// <summary>Messages from this number on wait to be sent for the first time, so no bound drops them. By default there are none.</summary>
    public long Unsent { get; private set; } = long.MaxValue;

    private int Count => (int)(Next - First);

    /// <summary>Whether the log has a message and its oldest one was sent.</summary>
    private bool CanDrop => First < Next && First < Unsent;

    public void Append(in Message message) => Append(message, time.GetTimestamp());

    /// <param name="message">The next one.</param>
    /// <param name="now">A timestamp of the log's clock.</param>
    public void Append(in Message message, long now)
    {
        TrimByAge(now);
        while (CanDrop && (Count >= bounds.Messages || bytes + message.Size > bounds.Bytes))
            DropOldest();
        if (Count == ring.Length)
            Resize(Math.Max(SmallestRing, ring.Length * 2));
        ring[Next & (ring.Length - 1)] = new Entry(message, now);
        bytes += message.Size;
        budget?.Add(message.Size);
        if (message.Gap != GapCode.None)
            (LastGap, JournalIdOfGap) = (Next, message.JournalId);
        Next++;
    }

    /// <summary>The messages from <paramref name="number"/> on that the log no longer has; null if it has all.</summary>
    public Loss? LossSince(long number) => number >= First ? null : new(lastGapDropped >= number ? null : First - number, First);

    /// <summary>Copies messages from <paramref name="number"/> on, until one more would exceed <paramref name="maxBytes"/>.</summary>
    /// <param name="number">At least <see cref="First"/>.</param>
    /// <param name="into">The caller must clear it after use, so that it keeps no message alive.</param>
    /// <param name="maxBytes">In <see cref="Message.Size"/>; the first message is copied whatever its size.</param>
    /// <returns>How many were copied.</returns>
    public int Copy(long number, Span<Message> into, int maxBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(number, First);
        var copied = 0;
        for (var size = 0; copied < into.Length && number + copied < Next; copied++)
        {
            var message = ring[(number + copied) & (ring.Length - 1)].Message;
            size += message.Size;
            if (size > maxBytes && copied > 0)
                break;
            into[copied] = message;
        }
        return copied;
    }

    /// <summary>The number of the nth message from the end, or of the oldest one if there are fewer; gaps do not count.</summary>
    public long NumberOfLast(int messages)
    {
        var number = Next;
        while (number > First && messages > 0)
        {
            number--;
            if (ring[number & (ring.Length - 1)].Message.Gap == GapCode.None)
                messages--;
        }
        return number;
    }

    /// <summary>
    /// The number of the first durable message after that id, or of a gap before that message; null if the log may no longer have it. Messages between
    /// them that are not durable are skipped: they were for the subscribers of that time.
    /// </summary>
    public long? NumberAfter(long journalId)
    {
        if (journalId < JournalIdBefore)
            return null;
        var (low, high) = (First, Next);
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            if (JournalIdAt(middle) > journalId)
                high = middle;
            else
                low = middle + 1;
        }
        var start = low;
        for (; low > First && JournalIdAt(low - 1) == journalId; low--)
        {
            // The first one with that id is the durable message itself, unless the log no longer has it.
            var isLater = journalId == JournalIdBefore || (low - 1 > First && JournalIdAt(low - 2) == journalId);
            if (isLater && ring[(low - 1) & (ring.Length - 1)].Message.Gap != GapCode.None)
                start = low - 1;
        }
        return start;
    }

    /// <summary>The position of a client that has received all messages up to a number.</summary>
    public Position PositionAt(long number) => number >= First && number < Next
        ? new(number, JournalIdAt(number))
        : new(number, number == First - 1 ? JournalIdBefore : 0);

    /// <summary>Drops all messages, because the node needs the memory.</summary>
    public void Clear()
    {
        while (Count > 0)
            DropOldest();
        ring = [];
    }

    /// <summary>All messages before that number were sent, so they may be dropped.</summary>
    public void OnSent(long number)
    {
        Unsent = number;
        while (CanDrop && Count > 1 && (Count > bounds.Messages || bytes > bounds.Bytes))
            DropOldest();
    }

    /// <summary>Drops messages that are too old. Called when a message arrives, and by the sweep for quiet names.</summary>
    public void TrimByAge() => TrimByAge(time.GetTimestamp());

    private void TrimByAge(long now)
    {
        if (Count == 0)
            return;
        while (CanDrop && time.GetElapsedTime(ring[First & (ring.Length - 1)].AppendedAt, now) > bounds.Age)
            DropOldest();
        if (Count == 0)
            ring = [];
    }

    private long JournalIdAt(long number) => ring[number & (ring.Length - 1)].Message.JournalId;

    private void DropOldest()
    {
        ref var entry = ref ring[First & (ring.Length - 1)];
        bytes -= entry.Message.Size;
        budget?.Add(-entry.Message.Size);
        if (entry.Message.Gap != GapCode.None)
            lastGapDropped = First;
        JournalIdBefore = Math.Max(JournalIdBefore, entry.Message.JournalId);
        entry = default;
        First++;
    }

    private void Resize(int length)
    {
        var larger = new Entry[length];
        for (var n = First; n < Next; n++)
            larger[n & (length - 1)] = ring[n & (ring.Length - 1)];
        ring = larger;
    }
}
