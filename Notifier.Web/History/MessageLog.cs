using Notifier.Messages;

namespace Notifier.History;

/// <summary>Messages that a log no longer has.</summary>
/// <param name="Messages">How many; null if there was a gap among them, because the messages of a gap were not counted.</param>
/// <param name="Next">The number of the first message that it still has, or will have.</param>
internal sealed record Loss(long? Messages, long Next);

/// <summary>
/// The last messages of one name, in order, with dense numbers that trimming never changes. Bounded by count, bytes and
/// age. Not thread-safe: its owner, a subscription, calls it under its lock.
/// </summary>
/// <remarks>Nothing is preallocated, and an emptied log gives its memory back: there may be 10,000 quiet ones.</remarks>
internal sealed class MessageLog(RecentOptions bounds, TimeProvider time, LogBudget? budget = null)
{
    private const int SmallestRing = 4;

    /// <summary>A ring whose length is a power of two; entry n is at n modulo the length.</summary>
    private Entry[] ring = [];
    private long bytes;

    /// <summary>The number of the latest gap that was dropped: how many messages are lost before it is unknown.</summary>
    private long lastGapDropped;

    private readonly record struct Entry(Message Message, long AppendedAt);

    /// <summary>The number of the oldest message; equal to <see cref="Next"/> if the log is empty.</summary>
    public long First { get; private set; } = 1;

    /// <summary>The number that the next message will get.</summary>
    public long Next { get; private set; } = 1;

    /// <summary>The number of the latest gap; zero when there was none.</summary>
    public long LastGap { get; private set; }

    /// <summary>
    /// The id in the journal up to which durable messages are not in the log, or no longer: all later ones are. Zero if there is no journal.
    /// </summary>
    public long JournalIdBefore { get; set; }

    /// <summary>Where the latest gap is in the journal: a client that has not come past that id has lost messages. Below zero if there was none.</summary>
    public long JournalIdOfGap { get; private set; } = -1;

    /// <summary>The size of its messages, in <see cref="Message.Size"/>.</summary>
    public long Bytes => bytes;

    /// <summary>Messages from this number on wait to be sent for the first time: no bound drops them. At first there are none.</summary>
    public long Unsent { get; private set; } = long.MaxValue;

    private int Count => (int)(Next - First);

    /// <summary>Whether the oldest has been sent.</summary>
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

    /// <summary>The messages that are lost from <paramref name="number"/> on; null if none is.</summary>
    public Loss? LossSince(long number) => number >= First ? null : new(lastGapDropped >= number ? null : First - number, First);

    /// <summary>Copies messages from <paramref name="number"/> on, until one more would pass <paramref name="maxBytes"/>.</summary>
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
    /// The number of the first durable message after that id, or of a gap before that; null if the log may no longer have it. Messages in between that
    /// are not durable belong to the subscribers of that time.
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

    /// <summary>Drops all messages: the node needs the memory.</summary>
    public void Clear()
    {
        while (Count > 0)
            DropOldest();
        ring = [];
    }

    /// <summary>All messages before that number have been sent, and no later one: only these may be dropped.</summary>
    public void OnSent(long number)
    {
        Unsent = number;
        while (CanDrop && Count > 1 && (Count > bounds.Messages || bytes > bounds.Bytes))
            DropOldest();
    }

    /// <summary>Drops messages that are too old. Called when a message comes, and by the sweep for quiet names.</summary>
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
