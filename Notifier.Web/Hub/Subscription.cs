using Notifier.Access;
using Notifier.Connections;
using Notifier.History;
using Notifier.Messages;
using StackExchange.Redis;

namespace Notifier.Hub;

/// <summary>
/// The hub's one entry for a name, shared by all its subscribers: a log, and their cursors in it. What Redis delivers for the
/// name it takes in by itself, unless the name is under a <see cref="Cover"/>.
/// </summary>
internal sealed class Subscription : Intake
{
    /// <summary>Guards the log and the subscribers. Never held while framing, sending or logging.</summary>
    private readonly Lock gate = new();
    private readonly MessageLog log;
    private readonly Crowds crowds;
    private readonly Recall? recall;
    private long usedAt;
    private long head = 1;
    private readonly Pace pace = new();

    public Subscription(Name name, SubscriptionTraits traits) : base(name, traits)
    {
        log = new(traits.Recent, traits.Time, traits.Budget);
        crowds = new(gate);
        usedAt = traits.Time.GetTimestamp();
        Pattern = name.Kind == NameKind.Pattern ? RedisPattern.Parse(name.Text) : null;
        Source = new(name);
        if (traits.Journal is { } journal && journal.Journal.Channels.MayTouch(name))
        {
            Tail = new(this, journal, traits);
            recall = new(this, Tail, journal);
        }
    }

    /// <summary>Null for a channel: it needs no matching.</summary>
    public RedisPattern? Pattern { get; }

    /// <summary>What its messages have in common.</summary>
    public MessageSource Source { get; }

    /// <summary>Null where none of its channels is durable.</summary>
    public JournalTail? Tail { get; }

    /// <summary>The number that the next message will get. Read without the lock: who reads it early is woken again.</summary>
    public long Head => Volatile.Read(ref head);

    // ---- the pass ----------------------------------------------------------------------------------------------------

    public override void NoteGap(GapCode code)
    {
        if (Tail is not null)
            Tail.NoteGap(code);
        else
            PassOn([Message.GapOf(code)]);
    }

    /// <summary>What Redis has delivered. Called from any thread.</summary>
    public void Pass(ReadOnlySpan<Message> messages)
    {
        if (Tail is not null)
            Tail.Take(messages);
        else
            PassOn(messages);
    }

    /// <summary>Appends the messages, and gives them to everyone whose cursor stands there. Called from any thread.</summary>
    public void PassOn(ReadOnlySpan<Message> messages)
    {
        if (messages is [{ Gap: not GapCode.None }])
            Traits.Metrics.Gap(messages[0].Gap);
        var number = Append(messages);
        Traits.Budget.Keep();
        for (var crowd = crowds.First; crowd is not null; crowd = crowd.Next)
        {
            if (crowd.Members.Count > 0)
                Pass(messages, number, crowd);
        }
        Traits.Metrics.Latency.Look(Name, messages);
    }

    private void Pass(ReadOnlySpan<Message> messages, long number, Crowd crowd)
    {
        var frames = PassScratch.OfThisThread.Frames;
        while (messages.Length > 0)
        {
            var batch = crowd.Format.Encode(frames, messages, Source, number);
            Offer(batch, number, crowd);
            number += batch.Count;
            messages = messages[batch.Count..];
        }
    }

    protected override Passed Pass(ChannelMessageQueue queue, ChannelMessage delivery)
    {
        var messages = PassScratch.OfThisThread.Messages;
        var count = 0;
        var bytes = 0;
        var payload = 0;
        do
        {
            if (!TryAccept(delivery, out messages[count]))
                continue;
            payload += messages[count].Payload.Length;
            bytes += messages[count++].Size;
        }
        while (count < messages.Length && bytes < FrameBatch.Full && queue.TryRead(out delivery));

        Pass(messages.AsSpan(0, count));
        messages.AsSpan(0, count).Clear();
        return new(count, payload, count == messages.Length || bytes >= FrameBatch.Full);
    }

    /// <summary>
    /// What Redis delivers for a pattern is matched here once more: whoever may have the pattern was shown to be allowed what
    /// it matches by these rules, not by those of whatever serves as Redis.
    /// </summary>
    private bool TryAccept(in ChannelMessage delivery, out Message message)
    {
        message = default;
        byte[]? channel = null;
        if (Pattern is not null)
        {
            channel = Traits.ChannelOf(delivery);
            if (channel is null)
                return false;
            if (!Pattern.Matches(channel))
            {
                Traits.ReportMismatch(Name);
                return false;
            }
        }
        message = Traits.Accept(Name, channel, delivery);
        return true;
    }

    private long Append(ReadOnlySpan<Message> messages)
    {
        lock (gate)
        {
            var first = log.Next;
            foreach (ref readonly var message in messages)
                log.Append(message);
            Volatile.Write(ref head, log.Next);
            usedAt = Traits.Time.GetTimestamp();
            return first;
        }
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
            log.Clear();
    }

    private void Offer(in FrameBatch batch, long number, Crowd crowd)
    {
        foreach (var chunk in crowd.Members.InChunks(gate, PassScratch.OfThisThread.Chunk))
        {
            foreach (var subscriber in chunk)
                subscriber.Offer(batch, number, number + batch.Count);
        }
        PassScratch.OfThisThread.Slices.Clear();
    }

    // ---- what a subscriber asks for ----------------------------------------------------------------------------------

    /// <summary>Adds a subscriber: at the log's head, or where it wants to begin, as far as the log knows that.</summary>
    public Standing Admit(Subscriber subscriber, Replay replay)
    {
        var after = replay.After is null ? null : Source.NumberOf(replay.After);
        lock (gate)
        {
            log.TrimByAge();
            var isKnown = after < log.Next;
            var start = isKnown ? Math.Max(after!.Value + 1, log.First) : replay.Last is { } last ? log.NumberOfLast(last) : log.Next;
            // A gap stands for messages that nobody has.
            var problem = replay.After is null ? null : !isKnown ? Codes.Elsewhere : start > after + 1 ? Codes.Trimmed : log.LastGap >= start ? Codes.Gap : null;
            var needsJournal = Tail is not null && (problem is Codes.Elsewhere or Codes.Trimmed || (replay is { After: null, Last: { } wanted } && log.Next - start < wanted));
            subscriber.StandAt(needsJournal ? log.Next : start);
            crowds.Add(subscriber);
            usedAt = Traits.Time.GetTimestamp();
            return new(replay.After is null ? null : problem is null, problem, needsJournal);
        }
    }

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
    public Task<string?> StandAsync(Task<string?> live, Subscriber subscriber, Replay replay) =>
        recall?.StandAsync(live, subscriber, replay) ?? live;

    /// <summary>Fetches the next page of the journal for a subscriber whose log does not go back so far.</summary>
    public Task GoOnAsync(Subscriber subscriber, long after) => recall!.GoOnAsync(subscriber, after);

    public void Dismiss(Subscriber subscriber)
    {
        lock (gate)
            crowds.Remove(subscriber);
    }

    /// <summary>The frames from <paramref name="cursor"/> on, one batch of them; valid until this thread asks for the next.</summary>
    /// <param name="cursor">The number of the first.</param>
    /// <param name="format">What the subscriber speaks.</param>
    /// <param name="loss">What the log no longer has of it; then there is no batch.</param>
    public FrameBatch? Slice(long cursor, WireFormat format, out Loss? loss)
    {
        var scratch = PassScratch.OfThisThread;
        return Slice(cursor, format, scratch.Frames, scratch.Messages, out loss);
    }

    /// <summary>The same, framed into a buffer of the caller's, as many as there is room for on the way.</summary>
    public FrameBatch? Slice(long cursor, WireFormat format, FrameBuffer frames, Span<Message> room, out Loss? loss)
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
        var batch = format.Encode(frames, messages, Source, cursor);
        messages.Clear();
        return batch;
    }

    public override void Refuse(string reason) => crowds.Visit(subscriber => subscriber.Refuse(reason));

    // ---- each second, and when somebody watches ----------------------------------------------------------------------

    /// <summary>Gives back what has grown too old in a name that went quiet, and takes its pace. Called by the sweep.</summary>
    public void LookBySecond()
    {
        lock (gate)
            log.TrimByAge();
        pace.Look(Head);
    }

    public void NoteReplay(ReplaySource source, bool isWhole) => Traits.NoteReplay(source, isWhole);

    public NameFigures Figures(int subscribers) => new(Name, subscribers, Head - 1, pace.PerSecond);

    /// <summary>
    /// How many subscribers have not been sent what came before the last sweep. Not what came since: while a pass runs, that is everybody.
    /// </summary>
    public int CountBehind()
    {
        var behind = 0;
        crowds.Visit(subscriber => behind += subscriber.HasSentUpTo(pace.Head) ? 0 : 1);
        return behind;
    }
}
