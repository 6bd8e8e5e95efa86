using Notifier.History;
using Notifier.History.Durable;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>
/// The hub's single entry for a name, shared by all its subscribers: a log, and their cursors in it. New messages are
/// appended to the log first, and then sent: <see cref="UnsentMessages"/> is the cursor of that. Thread-safe.
/// </summary>
internal sealed class Subscription : SubscriptionLog, IMessageSink, IBroadcast, IJournalSink
{
    /// <summary>Null if none of the name's channels is durable.</summary>
    private readonly JournalFollower? follower;

    private readonly Recovery? recovery;
    private readonly MessageRate rate = new();
    private SubscriberSet subscribers;

    public Subscription(Name name, SubscriptionContext context) : base(name, context)
    {
        Pattern = name.Kind == NameKind.Pattern ? RedisPattern.Parse(name.Text) : null;
        if (context.JournalReader is { } reader && reader.Journal.Channels.MayContainAny(name))
        {
            follower = new(this, reader);
            recovery = new(this, follower, reader);
        }
    }

    /// <summary>Null for a channel: it needs no matching.</summary>
    public RedisPattern? Pattern { get; }

    // ---- what Redis delivers -------------------------------------------------------------------------------------------

    void IMessageSink.Deliver(ReadOnlySpan<Message> messages, List<IBroadcast> due)
    {
        Context.Metrics.OnReceived(messages);
        Deliver(messages, due);
    }

    /// <summary>The same for messages that a cover has received and counted.</summary>
    public void Deliver(ReadOnlySpan<Message> messages, List<IBroadcast> due)
    {
        if (!AreAcceptable(messages))
            messages = Accept(messages);
        if (follower is not null)
            follower.Receive(messages, due);
        else
            Append(messages, due);
    }

    bool IMessageSink.IsDropping => IsDropping && follower is null;

    void IMessageSink.Drop(int messages, List<IBroadcast> due)
    {
        CountDropped(messages);
        Append([], due);        // there may be room again, for the gap
    }

    public void OnGap(GapCode code, List<IBroadcast> due)
    {
        if (follower is not null)
            follower.OnGap(code, due);
        else
            Append([Message.GapOf(code)], due);
    }

    /// <summary>Redis does not allow the name, or no longer. Called from any thread.</summary>
    public void OnDenied(string reason) => subscribers.ForEach(Gate, subscriber => subscriber.OnDenied(reason));

    /// <summary>Delivers messages and broadcasts them in this thread, which must not be one that receives from Redis.</summary>
    public void DeliverAndBroadcast(ReadOnlySpan<Message> messages)
    {
        var due = new DueBroadcasts();
        Deliver(messages, due.List);
        due.Run();
    }

    /// <summary>Whether <see cref="Accept"/> would change nothing.</summary>
    private bool AreAcceptable(ReadOnlySpan<Message> messages)
    {
        foreach (ref readonly var message in messages)
        {
            if (!Context.IsAcceptable(message, follower is not null) || (Pattern is not null && !Pattern.Matches(message.Channel.Span)))
                return false;
        }
        return true;
    }

    /// <summary>
    /// Matches again what Redis delivers for a pattern: grants are checked by these rules, not by those of the server that acts as Redis. A message
    /// that is too large becomes a gap, and the line of a durable message is removed if this node does not know that the channel is durable.
    /// </summary>
    private Message[] Accept(ReadOnlySpan<Message> messages)
    {
        var accepted = new List<Message>(messages.Length);
        foreach (ref readonly var message in messages)
        {
            if (message.Gap == GapCode.None && Pattern is not null && !Pattern.Matches(message.Channel.Span))
                Context.ReportMismatch(Name);
            else
                accepted.Add(Context.Accept(Name, message, follower is not null));
        }
        return [.. accepted];
    }

    // ---- what the journal's follower appends ---------------------------------------------------------------------------

    /// <summary>Appends messages. Called from any thread.</summary>
    /// <param name="messages">As subscribers receive them.</param>
    /// <param name="due">Receives this subscription if no thread broadcasts it already. The caller must broadcast it then.</param>
    public void Append(ReadOnlySpan<Message> messages, List<IBroadcast> due)
    {
        if (TryAppend(messages))
            due.Add(this);
    }

    /// <summary>Appends messages and broadcasts them in this thread, which must not be one that receives from Redis.</summary>
    public void AppendAndBroadcast(ReadOnlySpan<Message> messages)
    {
        var due = new DueBroadcasts();
        Append(messages, due.List);
        due.Run();
    }

    void IJournalSink.OnEpoch(JournalEpoch epoch) => Identity.JournalEpoch = epoch;

    Message IJournalSink.ReplaceIfTooLarge(in Message message) => Context.ReplaceIfTooLarge(Name, message);

    void IJournalSink.OnOverload(int dropped) => Context.ReportOverload(Name, dropped);

    void IJournalSink.OnFailure(Exception error) => Context.ReportFailure(Name, error);

    // ---- broadcasting --------------------------------------------------------------------------------------------------

    public BroadcastResult Broadcast(Action<int>? sent)
    {
        var began = Context.Time.GetTimestamp();
        var buffers = DispatchBuffers.ForThisThread;
        TimeSpan took = default;
        var messages = CopyUnsent(buffers.Messages, out var number, out var hasDiscarded);
        var batch = buffers.Messages.AsSpan(0, messages);
        try
        {
            Context.Budget.Enforce();
            for (var group = subscribers.First; group is not null; group = group.Next)
            {
                if (group.Count > 0)
                    Broadcast(batch, number, group, sent);
                if (hasDiscarded)
                    group.Broadcast(FrameBatch.Nothing(0), number, Gate, Context.Helpers, sent);      // subscribers that are behind find the loss
            }
            Context.Metrics.Latency.Sample(Name, batch);
            took = Context.Time.GetElapsedTime(began);
            Context.Metrics.OnBroadcast(messages, took);
        }
        catch (Exception error)
        {
            // A bug in Notifier that one message triggers must not stop the name's messages.
            OnFailed(error, batch, began);
        }
        var bytes = 0L;
        foreach (ref readonly var message in batch)
            bytes += message.Size;
        batch.Clear();
        return new(OnSent(number + messages, bytes, began), messages, took);
    }

    private void Broadcast(ReadOnlySpan<Message> messages, long number, FormatGroup group, Action<int>? sent)
    {
        var frames = DispatchBuffers.ForThisThread.Frames;
        while (messages.Length > 0)
        {
            var batch = group.Format.Encode(frames, messages, Identity, number);
            group.Broadcast(batch, number, Gate, Context.Helpers, sent);
            number += batch.Count;
            messages = messages[batch.Count..];
        }
    }

    // ---- subscribers ---------------------------------------------------------------------------------------------------

    /// <summary>Adds a subscriber: at the log's head, or where it wants to start, if the log has that.</summary>
    public RecoveryResult Add(Subscriber subscriber, RecoveryRequest request)
    {
        var after = request.After is null ? null : Identity.NumberOf(request.After);
        lock (Gate)
        {
            subscriber.SetCursor(FindStart(after, request, follower is not null, out var result));
            subscribers.Add(subscriber);
            return result;
        }
    }

    public void Remove(Subscriber subscriber)
    {
        lock (Gate)
            subscribers.Remove(subscriber);
    }

    /// <summary>Completes with the result of <paramref name="live"/>, once the subscriber's cursor is set.</summary>
    public Task<string?> RecoverAsync(Task<string?> live, Subscriber subscriber, RecoveryRequest request) =>
        recovery is null ? live : RecoverAsync(recovery, live, subscriber, request);

    /// <summary>The next page of the journal, for a subscriber that is not in the log yet, or null.</summary>
    /// <exception cref="OperationCanceledException">The client has gone.</exception>
    public Task<JournalPage?> ReadPageAsync(ReadClient client, long after) => recovery!.ReadAsync(client, after);

    /// <summary>A place in the journal for a subscriber that is not in the log yet.</summary>
    public RecoveryCursor CursorAfter(long journalId) => new(Context.Replays, journalId);

    public void OnRecovered(RecoverySource source, bool isWhole) => Context.OnRecovered(source, isWhole);

    private static async Task<string?> RecoverAsync(Recovery recovery, Task<string?> live, Subscriber subscriber, RecoveryRequest request)
    {
        if (await live is { } refusal)
            return refusal;
        await recovery.WhenReadyAsync();
        if (subscriber.RecoveryResult is { NeedsJournal: true, Code: var code } && await recovery.FindStartAsync(subscriber.Reader, request, code) is { } start)
            subscriber.Recover(start);
        return null;
    }

    // ---- each second, and for statistics -------------------------------------------------------------------------------

    /// <summary>Discards messages of a quiet name that are too old, and samples its rate. Called by the sweep.</summary>
    public void Sweep()
    {
        TrimByAge();
        rate.Sample(Head);
    }

    public NameStatistics Statistics(int subscribers) => new(Name, subscribers, Head - 1, rate.PerSecond);

    /// <summary>
    /// How many subscribers have not been sent all messages from before the latest sweep. Later messages do not count: during a broadcast, all subscribers
    /// would be behind.
    /// </summary>
    public int CountBehind()
    {
        var behind = 0;
        subscribers.ForEach(Gate, subscriber => behind += subscriber.HasSentUpTo(rate.Head) ? 0 : 1);
        return behind;
    }
}
