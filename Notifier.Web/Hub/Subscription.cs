using Notifier.History;
using Notifier.History.Durable;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>
/// The hub's one entry for a name, shared by all its subscribers: a log, and their cursors in it. What is appended and was not sent yet stands in
/// the log as well: sending follows with a cursor of its own.
/// </summary>
internal sealed class Subscription : IMessageSink, IBroadcast, IJournalSink
{
    /// <summary>Guards the log and the subscribers. Never held while framing, sending or logging.</summary>
    private readonly Lock gate = new();
    private readonly MessageLog log;
    private readonly Recovery? recovery;
    private UnsentMessages unsent;
    private SubscriberSet subscribers;
    private long usedAt;
    private long head = 1;
    private readonly MessageRate rate = new();

    public Subscription(Name name, SubscriptionContext context)
    {
        Name = name;
        Context = context;
        log = new(context.Recent, context.Time, context.Budget);
        unsent = new(log);
        usedAt = context.Time.GetTimestamp();
        Pattern = name.Kind == NameKind.Pattern ? RedisPattern.Parse(name.Text) : null;
        Identity = new(name);
        if (context.Journal is { } journal && journal.Journal.Channels.MayTouch(name))
        {
            Follower = new(this, journal);
            recovery = new(this, Follower, journal);
        }
    }

    public Name Name { get; }

    private SubscriptionContext Context { get; }

    /// <summary>Null for a channel: it needs no matching.</summary>
    public RedisPattern? Pattern { get; }

    /// <summary>What its messages have in common.</summary>
    public SubscriptionIdentity Identity { get; }

    /// <summary>Null where none of its channels is durable.</summary>
    public JournalFollower? Follower { get; }

    /// <summary>The number of the next message. Read without the lock: a reader that sees an old one is woken later.</summary>
    public long Head => Volatile.Read(ref head);

    // ---- what Redis delivers -------------------------------------------------------------------------------------------

    void IMessageSink.Deliver(ReadOnlySpan<Message> messages, List<IBroadcast> due)
    {
        Context.Metrics.OnReceived(messages);
        Deliver(messages, due);
    }

    /// <summary>The same for a message that was counted already: a cover has received it.</summary>
    public void Deliver(ReadOnlySpan<Message> messages, List<IBroadcast> due)
    {
        if (!AreAcceptable(messages))
            messages = Accept(messages);
        if (Follower is not null)
            Follower.Receive(messages, due);
        else
            Append(messages, due);
    }

    bool IMessageSink.IsDropping => unsent.IsDropping && Follower is null;

    void IMessageSink.Drop(int messages, List<IBroadcast> due)
    {
        lock (gate)
            unsent.Drop(messages);
        Append([], due);        // there may be room again, for the gap
    }

    public void OnGap(GapCode code, List<IBroadcast> due)
    {
        if (Follower is not null)
            Follower.OnGap(code, due);
        else
            Append([Message.GapOf(code)], due);
    }

    /// <summary>Delivers, and sends in this thread what it is given. For who is no receiver. Called from any thread.</summary>
    public void DeliverAndBroadcast(ReadOnlySpan<Message> messages)
    {
        var due = new DueBroadcasts();
        Deliver(messages, due.List);
        due.Run();
    }

    /// <summary>The same for what is accepted already: from the journal.</summary>
    public void AppendAndBroadcast(ReadOnlySpan<Message> messages)
    {
        var due = new DueBroadcasts();
        Append(messages, due.List);
        due.Run();
    }

    /// <summary>Whether all may be appended as they are. The rule is that of <see cref="Accept"/>.</summary>
    private bool AreAcceptable(ReadOnlySpan<Message> messages)
    {
        foreach (ref readonly var message in messages)
        {
            if (!Context.IsAcceptable(message, Follower) || (Pattern is not null && !Pattern.Matches(message.Channel.Span)))
                return false;
        }
        return true;
    }

    /// <summary>
    /// What Redis delivers for a pattern is matched here once more: whoever may have the pattern was shown to be allowed what it matches by these rules,
    /// not by those of whatever serves as Redis. What is too large becomes a gap.
    /// </summary>
    private Message[] Accept(ReadOnlySpan<Message> messages)
    {
        var accepted = new List<Message>(messages.Length);
        foreach (ref readonly var message in messages)
        {
            if (message.Gap == GapCode.None && Pattern is not null && !Pattern.Matches(message.Channel.Span))
                Context.ReportMismatch(Name);
            else
                accepted.Add(Context.IsAcceptable(message, Follower) ? message : Context.Limit(Name, message));
        }
        return [.. accepted];
    }

    // ---- appending, and sending -----------------------------------------------------------------------------------------

    /// <summary>Appends messages. Called from any thread.</summary>
    /// <param name="messages">As subscribers are to get them.</param>
    /// <param name="due">Receives this subscription if no thread is broadcasting it. The caller must broadcast it then.</param>
    public void Append(ReadOnlySpan<Message> messages, List<IBroadcast> due)
    {
        foreach (ref readonly var message in messages)
        {
            if (message.Gap != GapCode.None)
                Context.Metrics.OnGap(message.Gap);
        }
        var now = Context.Time.GetTimestamp();
        int lost;
        lock (gate)
        {
            lost = unsent.Append(messages, now);
            Volatile.Write(ref head, log.Next);
            usedAt = now;
            if (unsent.TryClaim())
                due.Add(this);
        }
        if (lost > 0)
            ReportOverload(lost);
    }

    private void ReportOverload(int lost)
    {
        try
        {
            Context.Metrics.OnGap(GapCode.Overload);
            Context.ReportOverload(Name, lost);
        }
        catch (Exception error)
        {
            OnFailed(error, [], 0);
        }
    }

    public BroadcastResult Broadcast(Action<int>? sent)
    {
        var began = Context.Time.GetTimestamp();
        var buffers = DispatchBuffers.ForThisThread;
        long number;
        int messages;
        bool isGivenUp;
        TimeSpan took = default;
        lock (gate)
            messages = unsent.Copy(buffers.Messages, out number, out isGivenUp);
        var batch = buffers.Messages.AsSpan(0, messages);
        try
        {
            Context.Budget.Keep();
            for (var group = subscribers.First; group is not null; group = group.Next)
            {
                if (group.Count > 0)
                    Broadcast(batch, number, group, sent);
                if (isGivenUp)
                    BroadcastTo(FrameBatch.Nothing(0), number, group, sent);      // who is behind is told
            }
            Context.Metrics.Latency.Sample(Name, batch);
            took = Context.Time.GetElapsedTime(began);
            Context.Metrics.OnBroadcast(messages, took);
        }
        catch (Exception error)
        {
            // A mistake of ours in one message must not make the name deaf.
            OnFailed(error, batch, began);
        }
        var bytes = 0L;
        foreach (ref readonly var message in batch)
            bytes += message.Size;
        batch.Clear();
        return new(OnSent(number + messages, bytes, began), messages, took);
    }

    /// <summary>Some subscribers may have missed what failed. A failed gap of this kind adds no further one: that would loop.</summary>
    private void OnFailed(Exception error, ReadOnlySpan<Message> batch, long now)
    {
        if (batch is not ([] or [{ Gap: GapCode.Internal }]))
        {
            lock (gate)
                unsent.AppendGap(GapCode.Internal, now);
        }
        try
        {
            Context.ReportFailure(Name, error);
            Context.Metrics.OnGap(GapCode.Internal);
        }
        catch (Exception)
        {
            // Loggers and listeners are others' code: there is nobody left to tell.
        }
    }

    /// <returns>Whether more waits; else nobody has the broadcast any more.</returns>
    private bool OnSent(long next, long bytes, long now)
    {
        int lost;
        bool hasMore;
        lock (gate)
        {
            hasMore = unsent.NoteSent(next, bytes, now, out lost);
            Volatile.Write(ref head, log.Next);
        }
        if (lost > 0)
            ReportOverload(lost);
        return hasMore;
    }

    private void Broadcast(ReadOnlySpan<Message> messages, long number, FormatGroup group, Action<int>? sent)
    {
        var frames = DispatchBuffers.ForThisThread.Frames;
        while (messages.Length > 0)
        {
            var batch = group.Format.Encode(frames, messages, Identity, number);
            BroadcastTo(batch, number, group, sent);
            number += batch.Count;
            messages = messages[batch.Count..];
        }
    }

    private void BroadcastTo(in FrameBatch batch, long number, FormatGroup group, Action<int>? sent)
    {
        if (Context.Helpers.Most > 0 && SharedBroadcast.HelpersFor(group.Count) is > 0 and var helpers)
        {
            DispatchBuffers.ForThisThread.Sharing.Broadcast(Context.Helpers, helpers, group, gate, batch, number, sent);
            return;
        }
        var cost = DispatchBuffers.CostOf(batch);
        foreach (var chunk in group.InChunks(gate, DispatchBuffers.ForThisThread.ChunkFor(cost)))
        {
            foreach (var subscriber in chunk)
                subscriber.Deliver(batch, number, number + batch.Count);
            sent?.Invoke(chunk.Length * cost);
        }
        DispatchBuffers.ForThisThread.Slices.Clear();
    }

    /// <summary>When a message came last, or somebody: those that were used least recently give up their memory first.</summary>
    public long UsedAt => Volatile.Read(ref usedAt);

    /// <summary>What its log holds.</summary>
    public long LogBytes
    {
        get
        {
            lock (gate)
                return log.Bytes;
        }
    }

    /// <summary>Gives up all messages, because the node's logs are full. Who was behind is told.</summary>
    public void Forget()
    {
        lock (gate)
        {
            log.Clear();
            unsent.Clear();
        }
    }

    // ---- what a subscriber asks for ----------------------------------------------------------------------------------

    /// <summary>Adds a subscriber: at the log's head, or where it wants to begin, as far as the log knows that.</summary>
    public RecoveryResult Add(Subscriber subscriber, ReplayRequest replay)
    {
        var after = replay.After is null ? null : Identity.NumberOf(replay.After);
        lock (gate)
        {
            log.TrimByAge();
            var isKnown = after < log.Next;
            var start = isKnown ? Math.Max(after!.Value + 1, log.First) : replay.Last is { } last ? log.NumberOfLast(last) : log.Next;
            // A gap stands for messages that nobody has.
            var problem = replay.After is null ? null : !isKnown ? Codes.Elsewhere : start > after + 1 ? Codes.Trimmed : log.LastGap >= start ? Codes.Gap : null;
            var needsJournal = Follower is not null && (problem is Codes.Elsewhere or Codes.Trimmed || (replay is { After: null, Last: { } wanted } && log.Next - start < wanted));
            subscriber.SetCursor(needsJournal ? log.Next : start);
            subscribers.Add(subscriber);
            usedAt = Context.Time.GetTimestamp();
            return new(replay.After is null ? null : problem is null, problem, needsJournal);
        }
    }

    void IJournalSink.OnEpoch(JournalEpoch epoch) => Identity.Journal = epoch;

    Message IJournalSink.Limit(in Message message) => Context.Limit(Name, message);

    void IJournalSink.OnOverload(int dropped) => Context.ReportOverload(Name, dropped);

    void IJournalSink.OnFailure(Exception error) => Context.ReportFailure(Name, error);

    /// <summary>From now on the log has every durable message after that one. Called once, before there is one.</summary>
    public void BeginAfter(long journalId)
    {
        lock (gate)
            log.JournalIdBefore = journalId;
    }

    /// <summary>The number of the first durable message, or gap, after that one; null when the log does not go back so far.</summary>
    public long? NumberAfter(long journalId)
    {
        lock (gate)
            return log.NumberAfter(journalId);
    }

    /// <summary>Whether messages may have been lost since that durable one.</summary>
    public bool HasGapAfter(long journalId)
    {
        lock (gate)
            return log.JournalIdOfGap >= journalId;
    }

    /// <summary>Where a client stands that has got all messages up to a number.</summary>
    public Position PositionAt(long number)
    {
        lock (gate)
            return log.PositionAt(number);
    }

    /// <summary>Completes with <paramref name="live"/>, when the subscriber stands where it is to begin.</summary>
    public Task<string?> RecoverAsync(Task<string?> live, Subscriber subscriber, ReplayRequest replay) =>
        recovery?.RecoverAsync(live, subscriber, replay) ?? live;

    /// <summary>Fetches the next page of the journal for a subscriber whose log does not go back so far.</summary>
    public Task ReadNextPageAsync(Subscriber subscriber, long after) => recovery!.ReadNextPageAsync(subscriber, after);

    public void Remove(Subscriber subscriber)
    {
        lock (gate)
            subscribers.Remove(subscriber);
    }

    /// <summary>The frames from <paramref name="cursor"/> on, one batch of them; valid until this thread asks for the next.</summary>
    /// <param name="cursor">The number of the first.</param>
    /// <param name="format">What the subscriber speaks.</param>
    /// <param name="loss">What the log no longer has of it; then there is no batch.</param>
    public FrameBatch? ReadBatch(long cursor, WireFormat format, out Loss? loss)
    {
        var scratch = DispatchBuffers.ForThisThread;
        return ReadBatch(cursor, format, scratch.Frames, scratch.Messages, out loss);
    }

    /// <summary>The same, framed into a buffer of the caller's, as many as there is room for on the way.</summary>
    public FrameBatch? ReadBatch(long cursor, WireFormat format, FrameBuffer frames, Span<Message> room, out Loss? loss)
    {
        int count;
        lock (gate)
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

    public void Refuse(string reason) => subscribers.ForEach(gate, subscriber => subscriber.Refuse(reason));

    // ---- each second, and when somebody watches ----------------------------------------------------------------------

    /// <summary>Gives back what has grown too old in a name that went quiet, and takes its pace. Called by the sweep.</summary>
    public void Sweep()
    {
        lock (gate)
            log.TrimByAge();
        rate.Sample(Head);
    }

    public void OnReplayed(ReplaySource source, bool isWhole) => Context.OnReplayed(source, isWhole);

    public NameFigures Figures(int subscribers) => new(Name, subscribers, Head - 1, rate.PerSecond);

    /// <summary>
    /// How many subscribers have not been sent what came before the last sweep. Not what came since: while a pass runs, that is everybody.
    /// </summary>
    public int CountBehind()
    {
        var behind = 0;
        subscribers.ForEach(gate, subscriber => behind += subscriber.HasSentUpTo(rate.Head) ? 0 : 1);
        return behind;
    }
}
