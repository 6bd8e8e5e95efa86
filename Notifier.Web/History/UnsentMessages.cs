using Notifier.Messages;

namespace Notifier.History;

/// <summary>
/// What of a log waits to be sent for the first time, how much of that there may be, and whether some thread is to send it. Under the log's lock; a
/// field, never copied.
/// </summary>
/// <remarks>
/// Where more messages or bytes wait, what comes is dropped until half of them are sent: a gap that is told beats a process that runs out of memory. The
/// bytes are what Redis itself would keep for a subscriber (client-output-buffer-limit).
/// </remarks>
internal struct UnsentMessages
{
    public const int MaxMessages = 100_000;
    public const int MaxBytes = 32 * 1024 * 1024;

    private readonly MessageLog log;

    /// <summary>The number of the first message that was not sent yet.</summary>
    private long first = 1;

    /// <summary>In <see cref="Message.Size"/>, of those from there on.</summary>
    private long bytes;

    /// <summary>How many messages were dropped since it became too much.</summary>
    private int dropped;

    /// <summary>
    /// Up to where the journal's messages have come, those that were dropped as well. A gap stands for these, too: a client that comes back to a place
    /// among them must meet it.
    /// </summary>
    private long latestJournalId;

    /// <summary>Some thread has been told to send.</summary>
    private bool isClaimed;

    public UnsentMessages(MessageLog log)
    {
        this.log = log;
        log.OnSent(first);
    }

    /// <summary>Whether what comes is dropped. May be read without the lock.</summary>
    public bool IsDropping => Volatile.Read(ref dropped) > 0;

    /// <summary>Appends messages, as far as there is room.</summary>
    /// <param name="messages">The next ones.</param>
    /// <param name="now">Of the log's clock.</param>
    /// <returns>How many were dropped before, if a gap for them has just been appended; else zero.</returns>
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

    /// <summary>So many messages were not even made.</summary>
    public void Drop(int messages) => dropped += messages;

    /// <summary>Appends a gap, whether there is room or not.</summary>
    public void AppendGap(GapCode code, long now) => Append(Message.GapOf(code) with { JournalId = latestJournalId }, now);

    /// <summary>Claims the broadcast. True if messages wait and no thread had claimed it.</summary>
    public bool TryClaim()
    {
        if (isClaimed || first == log.Next)
            return false;
        return isClaimed = true;
    }

    /// <summary>Copies what is next.</summary>
    /// <param name="into">As many as there is room for, and no more than a batch may have.</param>
    /// <param name="number">The number of the first.</param>
    /// <param name="isGivenUp">Whether the log has discarded messages before that, unsent.</param>
    /// <returns>How many.</returns>
    public readonly int Copy(Span<Message> into, out long number, out bool isGivenUp)
    {
        number = Math.Max(first, log.First);
        isGivenUp = number > first;
        return number < log.Next ? log.Copy(number, into, FrameBatch.Full) : 0;
    }

    /// <summary>All before that number were sent.</summary>
    /// <param name="next">That number.</param>
    /// <param name="sent">How many bytes they were.</param>
    /// <param name="now">Of the log's clock.</param>
    /// <param name="lost">See <see cref="Append(ReadOnlySpan{Message}, long)"/>.</param>
    /// <returns>Whether more waits; else no thread is told to send any more.</returns>
    public bool NoteSent(long next, long sent, long now, out int lost)
    {
        first = Math.Max(next, log.First);
        bytes = first < log.Next ? Math.Max(0, bytes - sent) : 0;
        log.OnSent(first);
        lost = TryAppendGap(now);       // perhaps nothing more comes that it would come before
        return isClaimed = first < log.Next;
    }

    /// <summary>The log has given up all.</summary>
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
