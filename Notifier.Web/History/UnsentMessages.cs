using Notifier.Messages;

namespace Notifier.History;

/// <summary>
/// The messages of a log that wait to be sent for the first time, their limits, and whether a thread has claimed to send them. Under the log's lock; a
/// field, never copied.
/// </summary>
/// <remarks>
/// At a limit, new messages are dropped until half of the waiting ones are sent: a reported gap is better than a process that runs out of memory. The
/// limit of bytes is that of Redis for a subscriber (client-output-buffer-limit).
/// </remarks>
internal struct UnsentMessages
{
    public const int MaxMessages = 100_000;
    public const int MaxBytes = 32 * 1024 * 1024;

    private readonly MessageLog log;

    /// <summary>The number of the first message that was not sent yet.</summary>
    private long first = 1;

    /// <summary>The size of the unsent messages, in <see cref="Message.Size"/>.</summary>
    private long bytes;

    /// <summary>How many messages were dropped since the limit was reached.</summary>
    private int dropped;

    /// <summary>
    /// The id of the latest durable message, including dropped ones. A gap also stands for these: a client that resumes from one of them must receive the
    /// gap.
    /// </summary>
    private long latestJournalId;

    /// <summary>A thread has claimed the broadcast.</summary>
    private bool isClaimed;

    public UnsentMessages(MessageLog log)
    {
        this.log = log;
        log.OnSent(first);
    }

    /// <summary>Whether new messages are dropped. May be read without the lock.</summary>
    public bool IsDropping => Volatile.Read(ref dropped) > 0;

    /// <summary>Appends messages, up to the limits.</summary>
    /// <param name="messages">The next ones.</param>
    /// <param name="now">Of the log's clock.</param>
    /// <returns>If this call has appended the gap for earlier dropped messages: how many were dropped. Otherwise zero.</returns>
    public int Append(ReadOnlySpan<Message> messages, long now)
    {
        var lost = TryAppendGap(now);
        foreach (ref readonly var message in messages)
        {
            latestJournalId = Math.Max(latestJournalId, message.JournalId);
            if (HasRoom())
                Append(message, now);
            else
                dropped++;
        }
        return lost;
    }

    /// <summary>Counts messages that were dropped before they were created.</summary>
    public void Drop(int messages) => dropped += messages;

    /// <summary>Appends a gap, whatever the limits.</summary>
    public void AppendGap(GapCode code, long now) => Append(Message.GapOf(code) with { JournalId = latestJournalId }, now);

    /// <summary>Claims the broadcast. True if messages wait and no thread had claimed it.</summary>
    public bool TryClaim()
    {
        if (isClaimed || first == log.Next)
            return false;
        return isClaimed = true;
    }

    /// <summary>Copies the next messages to send.</summary>
    /// <param name="into">Receives as many as it has room for, and no more than a batch may have.</param>
    /// <param name="number">The number of the first one.</param>
    /// <param name="hasDiscarded">Whether the log has discarded unsent messages before the first one.</param>
    /// <returns>How many.</returns>
    public readonly int Copy(Span<Message> into, out long number, out bool hasDiscarded)
    {
        number = Math.Max(first, log.First);
        hasDiscarded = number > first;
        return number < log.Next ? log.Copy(number, into, FrameBatch.Full) : 0;
    }

    /// <summary>All messages before a number were sent.</summary>
    /// <param name="next">That number.</param>
    /// <param name="sent">Their size, in <see cref="Message.Size"/>.</param>
    /// <param name="now">Of the log's clock.</param>
    /// <param name="lost">See <see cref="Append(ReadOnlySpan{Message}, long)"/>.</param>
    /// <returns>Whether more messages wait; otherwise the broadcast is no longer claimed.</returns>
    public bool OnSent(long next, long sent, long now, out int lost)
    {
        first = Math.Max(next, log.First);
        bytes = first < log.Next ? Math.Max(0, bytes - sent) : 0;
        log.OnSent(first);
        lost = TryAppendGap(now);       // there may be no later message that would append it
        return isClaimed = first < log.Next;
    }

    /// <summary>The log has discarded all messages.</summary>
    public void Clear() => bytes = 0;

    private readonly bool HasRoom()
    {
        var share = dropped > 0 ? 2 : 1;
        return log.Next - first < MaxMessages / share && bytes < MaxBytes / share;
    }

    private int TryAppendGap(long now)
    {
        if (dropped == 0 || !HasRoom())
            return 0;
        AppendGap(GapCode.Overload, now);
        var lost = dropped;
        Volatile.Write(ref dropped, 0);
        return lost;
    }

    private void Append(in Message message, long now)
    {
        log.Append(message, now);
        bytes += message.Size;
    }
}
