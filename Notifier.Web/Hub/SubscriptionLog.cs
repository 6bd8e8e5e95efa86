using Notifier.History;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>
/// The messages of one name: those that subscribers can still read, and among them those that wait to be sent for the first time. Thread-safe unless a
/// member says otherwise. A base class of <see cref="Subscription"/> and not a part of it, so that a name needs no further object.
/// </summary>
internal abstract class SubscriptionLog
{
    private readonly MessageLog log;
    private UnsentMessages unsent;
    private long usedAt;
    private long head = 1;

    protected SubscriptionLog(Name name, SubscriptionContext context)
    {
        Name = name;
        Context = context;
        log = new(context.Recent, context.Time, context.Budget);
        unsent = new(log);
        usedAt = context.Time.GetTimestamp();
        Identity = new(name);
    }

    public Name Name { get; }

    /// <summary>What all messages of the name have in common.</summary>
    public SubscriptionIdentity Identity { get; }

    protected SubscriptionContext Context { get; }

    /// <summary>Guards the log and the subscribers. Not locked while messages are encoded, sent or logged.</summary>
    protected Lock Gate { get; } = new();

    /// <summary>The number of the next message. Read without the lock: a subscriber that reads an old number is notified by the next broadcast.</summary>
    public long Head => Volatile.Read(ref head);

    /// <summary>When the latest message or subscriber arrived: the names that were used least recently discard their messages first.</summary>
    public long UsedAt => Volatile.Read(ref usedAt);

    public long LogBytes
    {
        get
        {
            lock (Gate)
                return log.Bytes;
        }
    }

    /// <summary>Whether new messages are dropped because too many wait to be sent. May be read without the lock.</summary>
    protected bool IsDropping => unsent.IsDropping;

    // ---- reading -------------------------------------------------------------------------------------------------------

    /// <summary>Encodes one batch of the messages from <paramref name="cursor"/> on.</summary>
    /// <param name="cursor">The number of the first message.</param>
    /// <param name="format">The subscriber's format.</param>
    /// <param name="frames">Receives the frames; they are valid until it is used again.</param>
    /// <param name="room">A buffer for the messages; its length limits their number.</param>
    /// <param name="loss">The messages that the log no longer has. If there are any, there is no batch.</param>
    public FrameBatch? ReadBatch(long cursor, WireFormat format, FrameBuffer frames, Span<Message> room, out Loss? loss)
    {
        int count;
        lock (Gate)
        {
            loss = log.LossSince(cursor);
            count = loss is not null ? 0 : log.Copy(cursor, room, FrameBatch.Full);
        }
        if (count == 0)
            return null;
        var messages = room[..count];
        var batch = format.Encode(frames, messages, Identity, cursor);
        messages.Clear();
        return batch;
    }

    /// <summary>The position of a client that has received all messages up to a number.</summary>
    public Position PositionAt(long number)
    {
        lock (Gate)
            return log.PositionAt(number);
    }

    /// <summary>The number of the first durable message, or gap, after a durable message; null if the log does not reach back to it.</summary>
    public long? NumberAfter(long journalId)
    {
        lock (Gate)
            return log.NumberAfter(journalId);
    }

    /// <summary>Whether messages may have been lost since that durable one.</summary>
    public bool HasGapAfter(long journalId)
    {
        lock (Gate)
            return log.JournalIdOfGap >= journalId;
    }

    /// <summary>Finds where a new subscriber starts in the log. Under the lock.</summary>
    /// <param name="after">The number in the position that the subscriber gave; null if it gave none of this log.</param>
    /// <param name="request">The messages that the subscriber wants.</param>
    /// <param name="hasJournal">Whether the journal may have what the log lacks.</param>
    /// <param name="result">How the subscriber starts.</param>
    /// <returns>The subscriber's cursor.</returns>
    protected long FindStart(long? after, RecoveryRequest request, bool hasJournal, out RecoveryResult result)
    {
        log.TrimByAge();
        usedAt = Context.Time.GetTimestamp();
        var isKnown = after < log.Next;
        var start = isKnown ? Math.Max(after!.Value + 1, log.First) : request.Last is { } last ? log.NumberOfLast(last) : log.Next;
        // A gap stands for messages that this node does not have.
        var problem = request.After is null ? null : !isKnown ? ServerCodes.Elsewhere : start > after + 1 ? ServerCodes.Trimmed : log.LastGap >= start ? ServerCodes.Gap : null;
        var needsJournal = hasJournal
            && (problem is ServerCodes.Elsewhere or ServerCodes.Trimmed || (request is { After: null, Last: { } wanted } && log.Next - start < wanted));
        result = new(request.After is null ? null : problem is null, problem, needsJournal);
        return needsJournal ? log.Next : start;
    }

    // ---- appending -----------------------------------------------------------------------------------------------------

    /// <summary>The log will have every durable message after that one. Called once, before the first message.</summary>
    public void BeginAfter(long journalId)
    {
        lock (Gate)
            log.JournalIdBefore = journalId;
    }

    /// <summary>Appends messages. Called from any thread.</summary>
    /// <returns>Whether the caller must broadcast them; otherwise another thread already does.</returns>
    protected bool TryAppend(ReadOnlySpan<Message> messages)
    {
        CountGaps(messages);
        var now = Context.Time.GetTimestamp();
        int lost;
        bool isClaimed;
        lock (Gate)
        {
            lost = unsent.Append(messages, now);
            Volatile.Write(ref head, log.Next);
            usedAt = now;
            isClaimed = unsent.TryClaim();
        }
        if (lost > 0)
            ReportDropped(lost);
        return isClaimed;
    }

    /// <summary>Counts messages that were dropped before they were created.</summary>
    protected void CountDropped(int messages)
    {
        lock (Gate)
            unsent.Drop(messages);
    }

    private void CountGaps(ReadOnlySpan<Message> messages)
    {
        try
        {
            foreach (ref readonly var message in messages)
            {
                if (message.Gap != GapCode.None)
                    Context.Metrics.OnGap(message.Gap);
            }
        }
        catch (Exception error)
        {
            // Metric listeners are foreign code. Their failure must not lose the messages.
            OnFailed(error, [], 0);
        }
    }

    private void ReportDropped(int lost)
    {
        try
        {
            Context.Metrics.OnGap(GapCode.Overload);
            Context.ReportOverload(Name, lost);
        }
        catch (Exception error)
        {
            // Loggers and metric listeners are foreign code. Their failure must not stop the broadcast.
            OnFailed(error, [], 0);
        }
    }

    // ---- sending for the first time ------------------------------------------------------------------------------------

    /// <summary>Copies the next messages to send; see <see cref="UnsentMessages.Copy"/>.</summary>
    protected int CopyUnsent(Span<Message> into, out long number, out bool hasDiscarded)
    {
        lock (Gate)
            return unsent.Copy(into, out number, out hasDiscarded);
    }

    /// <returns>Whether more messages wait; otherwise the broadcast is no longer claimed.</returns>
    protected bool OnSent(long next, long bytes, long now)
    {
        int lost;
        bool hasMore;
        lock (Gate)
        {
            hasMore = unsent.OnSent(next, bytes, now, out lost);
            Volatile.Write(ref head, log.Next);
        }
        if (lost > 0)
            ReportDropped(lost);
        return hasMore;
    }

    /// <summary>Appends a gap, because some subscribers may have missed the failed batch. Not if the batch was itself such a gap: that would never end.</summary>
    protected void OnFailed(Exception error, ReadOnlySpan<Message> batch, long now)
    {
        if (batch is not ([] or [{ Gap: GapCode.Internal }]))
        {
            lock (Gate)
                unsent.AppendGap(GapCode.Internal, now);
        }
        try
        {
            Context.ReportFailure(Name, error);
            Context.Metrics.OnGap(GapCode.Internal);
        }
        catch (Exception)
        {
            // Loggers and listeners are foreign code. If they fail as well, the error cannot be reported.
        }
    }

    // ---- bounds --------------------------------------------------------------------------------------------------------

    /// <summary>Discards all messages because the node's logs are full. Subscribers that are behind receive a gap.</summary>
    public void Discard()
    {
        lock (Gate)
        {
            log.Clear();
            unsent.Clear();
        }
    }

    protected void TrimByAge()
    {
        lock (Gate)
            log.TrimByAge();
    }
}
