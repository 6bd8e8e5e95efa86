using Notifier.Messages;

namespace Notifier.History;

/// <summary>Messages that a log no longer has.</summary>
/// <param name="Messages">How many; null when there was a gap among them, for what a gap stands for was not counted.</param>
/// <param name="Next">The number of the first that it still has, or will have.</param>
internal sealed record Loss(long? Messages, long Next);

/// <summary>
/// The last messages of one name, in order, with dense numbers that trimming never changes. Bounded by count, bytes and
/// age. Not thread-safe: whoever owns the log (a Subscription) calls it under its lock.
/// </summary>
/// <remarks>Nothing is preallocated, and an emptied log gives its memory back: there may be 10,000 quiet ones.</remarks>
internal sealed class MessageLog(RecentOptions bounds, TimeProvider time, LogBudget? budget = null)
{
    private const int SmallestRing = 4;

    /// <summary>A ring whose length is a power of two; entry n is at n modulo the length.</summary>
    private Entry[] ring = [];
    private long bytes;

    /// <summary>The number of the latest gap that was dropped: how many messages are gone before it nobody knows.</summary>
    private long lastGapDropped;

    private readonly record struct Entry(Message Message, long AppendedAt);

    /// <summary>The number of the oldest message held; equal to <see cref="Next"/> when none is.</summary>
    public long First { get; private set; } = 1;

    /// <summary>The number that the next message will get.</summary>
    public long Next { get; private set; } = 1;

    /// <summary>The number of the latest gap; zero when there was none.</summary>
    public long LastGap { get; private set; }

    /// <summary>
    /// The id of the journal up to which durable messages are not in here, or no longer: all later ones are. Zero where there is no journal.
    /// </summary>
    public long JournalIdBefore { get; set; }

    /// <summary>Where the latest gap is in the journal: who has not come past that id has lost something. Below zero when there was none.</summary>
    public long JournalIdOfGap { get; private set; } = -1;

    /// <summary>What it holds, in <see cref="Message.Size"/>.</summary>
    public long Bytes => bytes;

    /// <summary>From this number on messages wait to be sent for the first time: none of the bounds drops them. At first, there are none of that kind.</summary>
    public long Unsent { get; private set; } = long.MaxValue;

    private int Count => (int)(Next - First);

    /// <summary>Whether the oldest has been sent.</summary>
    private bool CanDrop => First < Next && First < Unsent;

    public void Append(in Message message) => Append(message, time.GetTimestamp());

    /// <param name="message">The next one.</param>
    /// <param name="now">Of the clock that it was made with.</param>
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

    /// <summary>What is gone of the messages from <paramref name="number"/> on; null when nothing is.</summary>
    public Loss? LossSince(long number) => number >= First ? null : new(lastGapDropped >= number ? null : First - number, First);

    /// <summary>Copies messages from <paramref name="number"/> on, until one more would pass <paramref name="maxBytes"/>.</summary>
    /// <param name="number">At least <see cref="First"/>.</param>
    /// <param name="into">Cleared by the caller when it is done, so that it keeps nothing alive.</param>
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

    /// <summary>The number of the nth message from the end, or of the oldest that is held when there are fewer; gaps do not count.</summary>
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
    /// The number of the first durable message after that id, or of a gap before that; null when it may be gone. What is not durable and
    /// came between was for those who were there.
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
            // The first one of that id is the durable message itself, unless it is no longer in here.
            var isLater = journalId == JournalIdBefore || (low - 1 > First && JournalIdAt(low - 2) == journalId);
            if (isLater && ring[(low - 1) & (ring.Length - 1)].Message.Gap != GapCode.None)
                start = low - 1;
        }
        return start;
    }

    /// <summary>Where a client stands that has got all up to here.</summary>
    public Position PositionAt(long number) => number >= First && number < Next
        ? new(number, JournalIdAt(number))
        : new(number, number == First - 1 ? JournalIdBefore : 0);

    /// <summary>Gives all back: the node needs the memory.</summary>
    public void Clear()
    {
        while (Count > 0)
            DropOldest();
        ring = [];
    }

    /// <summary>All messages before that number have been sent, and no later one: from now on only these may be dropped.</summary>
    public void OnSent(long number)
    {
        Unsent = number;
        while (CanDrop && Count > 1 && (Count > bounds.Messages || bytes > bounds.Bytes))
            DropOldest();
    }

    /// <summary>Drops what is older than the bound. Called when a message comes, and by a sweep for names that went quiet.</summary>
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
