using System.Runtime.InteropServices;
using Notifier.History.Durable;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// The live end of the journal, for one name with durable channels: what Redis delivers goes through here into the log. A durable message
/// says which came before it; where that is not here, all is held back until it was fetched. So the log has every durable message once
/// and in order, also when the connection to Redis was lost meanwhile. Thread-safe.
/// </summary>
/// <param name="subscription">Where messages go on.</param>
/// <param name="reader">The journal.</param>
/// <param name="context">What subscriptions have in common.</param>
internal sealed class JournalFollower(Subscription subscription, JournalReader reader, SubscriptionContext context)
{
    private readonly Lock gate = new();
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private List<Message> held = [];

    /// <summary>In <see cref="Message.Size"/>. More than may wait to be sent is dropped here too, and fetched where it is durable.</summary>
    private long heldBytes;

    private TaskCompletionSource? asked;
    private bool isDue;

    /// <summary>Nothing is known to be missing: the journal is only asked whether a line is genuine.</summary>
    private bool isOnlyDoubt;

    /// <summary>So many of those that are held came before the look at the journal that is under way.</summary>
    private int heldBefore;

    /// <summary>Somebody passes on, or fetches: everybody else only leaves messages. At first nobody may: see <see cref="Begin"/>.</summary>
    private bool isBusy = true;
    private bool hasBegun;

    // ---- owned by whoever is busy --------------------------------------------------------------------------------------

    private List<Message> working = [];
    private readonly List<Message> accepted = [];

    /// <summary>So many of those that are held came before the latest look at the journal: no epoch is newer than that.</summary>
    private int judged;

    private readonly JournalSequencer sequence = new(subscription.Name, reader.Journal.Channels);
    private long inLog;

    // ------------------------------------------------------------------------------------------------------------------

    /// <summary>Whether all channels of the name are durable: then nothing is lost while Redis is away.</summary>
    public bool IsDurable { get; } = reader.Journal.Channels.Contain(subscription.Name);

    /// <summary>Completes when it is known where the log begins in the journal.</summary>
    public Task Ready => ready.Task;

    /// <summary>All durable messages up to this id are in the log, or were before it.</summary>
    public long Followed => Volatile.Read(ref inLog);

    public JournalEpoch Epoch => sequence.Epoch;

    /// <summary>Redis delivers the name from now on. May be called by everybody who subscribes.</summary>
    public void Begin()
    {
        lock (gate)
        {
            if (hasBegun)
                return;
            hasBegun = isDue = true;
        }
        DrainHere();
    }

    /// <summary>What Redis has delivered.</summary>
    /// <param name="messages">Copied before it returns.</param>
    /// <param name="due">Gets what the caller has to broadcast.</param>
    public void Receive(ReadOnlySpan<Message> messages, List<IBroadcast> due)
    {
        lock (gate)
        {
            if (held.Count > UnsentMessages.MaxMessages || heldBytes > UnsentMessages.MaxBytes)
            {
                context.ReportOverload(subscription.Name, held.Count);
                Clear();
            }
            held.AddRange(messages);
            foreach (ref readonly var message in messages)
                heldBytes += message.Size;
            if (isBusy)
                return;
            isBusy = true;
        }
        Drain(due);
    }

    /// <summary>Messages may have been lost: durable ones are fetched, and for others there is a gap.</summary>
    public void NoteGap(GapCode code, List<IBroadcast> due)
    {
        lock (gate)
        {
            (isDue, isOnlyDoubt) = (true, false);
            // Where there is no journal, nothing can be fetched.
            if (!IsDurable || code == GapCode.Internal || (ready.Task.IsCompleted && sequence.Epoch == JournalEpoch.None))
                held.Add(Message.GapOf(code));
            if (isBusy)
                return;
            isBusy = true;
        }
        Drain(due);
    }

    /// <summary>Fetches what the journal has. The task ends when that is in the log.</summary>
    public Task CatchUpAsync()
    {
        Task ended;
        lock (gate)
        {
            (isDue, isOnlyDoubt) = (true, false);
            ended = (asked ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            if (isBusy)
                return ended;
            isBusy = true;
        }
        DrainHere();
        return ended;
    }

    private void Clear()
    {
        held.Clear();
        held.Add(Message.GapOf(GapCode.Overload));
        (heldBytes, heldBefore, isDue, isOnlyDoubt) = (0, 0, true, false);
    }

    // ---- by whoever is busy --------------------------------------------------------------------------------------------

    /// <summary>In a thread that is no receiver.</summary>
    private void DrainHere()
    {
        var due = new DueBroadcasts();
        Drain(due.List);
        due.Run();
    }

    private void Drain(List<IBroadcast> due)
    {
        while (true)
        {
            lock (gate)
            {
                if (!isDue && held.Count == 0)
                {
                    isBusy = false;
                    return;
                }
                if (!isDue)
                    (held, working, heldBytes) = (working, held, 0);
            }
            if (working.Count == 0)
            {
                _ = FetchAsync();
                return;
            }
            try
            {
                AppendWorking(due);
            }
            catch (Exception error)
            {
                // A mistake of ours must not make the name deaf.
                context.ReportFailure(subscription.Name, error);
                accepted.Clear();
                working.Clear();
                lock (gate)
                {
                    held.Insert(0, Message.GapOf(GapCode.Internal));    // before what came meanwhile
                    (isDue, isOnlyDoubt) = (true, false);
                }
            }
        }
    }

    /// <summary>Passes on what can be, and gives the rest back.</summary>
    private void AppendWorking(List<IBroadcast> due)
    {
        var passed = 0;
        var result = SequenceResult.Accepted;
        for (; passed < working.Count; passed++)
        {
            result = sequence.Check(working[passed], isJudged: passed < judged, out var message);
            if (result is SequenceResult.Missing or SequenceResult.Doubtful)
                break;
            if (result == SequenceResult.Accepted)
                accepted.Add(context.Limit(subscription.Name, message));
        }
        judged = Math.Max(0, judged - passed);
        if (accepted.Count > 0)
            subscription.Append(CollectionsMarshal.AsSpan(accepted), due);
        accepted.Clear();
        Volatile.Write(ref inLog, sequence.Followed);
        if (sequence.TakeLatest() is { } seen)
            reader.Journal.OnSeen(seen);
        if (passed < working.Count)
        {
            lock (gate)
            {
                var rest = CollectionsMarshal.AsSpan(working)[passed..];
                held.InsertRange(0, rest);
                foreach (ref readonly var message in rest)
                    heldBytes += message.Size;
                isOnlyDoubt = result == SequenceResult.Doubtful && !isDue;
                isDue = true;
            }
        }
        working.Clear();
    }

    private async Task FetchAsync()
    {
        // Never in the thread that reads from Redis: a page that is there already would be sent in the middle of another name's broadcast.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        TaskCompletionSource? waiting;
        bool isDoubt;
        lock (gate)
        {
            (isDoubt, isOnlyDoubt, isDue) = (isOnlyDoubt, false, false);
            (waiting, asked) = (asked, null);
            heldBefore = held.Count;
        }
        try
        {
            await FetchAllAsync(isDoubt);
        }
        catch (OperationCanceledException)
        {
            ready.TrySetCanceled();
            waiting?.TrySetCanceled();
            return;     // the process ends
        }
        catch (Exception error)
        {
            // A mistake of ours must not make the name deaf.
            context.ReportFailure(subscription.Name, error);
            sequence.SkipMissing();
            lock (gate)
            {
                held.Insert(0, Message.GapOf(GapCode.Internal));
                heldBefore++;
            }
        }
        lock (gate)
            judged = heldBefore;
        ready.TrySetResult();
        waiting?.TrySetResult();
        DrainHere();
    }

    private async Task FetchAllAsync(bool isDoubt)
    {
        if (sequence.Epoch == JournalEpoch.None)
        {
            if (await reader.ReadHeadAsync() is { } head)
                StartAt(head);
            return;
        }
        if (isDoubt && (await reader.ReadHeadAsync())?.Epoch == sequence.Epoch)
            return;     // so it is a forged one
        while (true)
        {
            if (await reader.ReadAsync(subscription.Name, sequence.Followed) is not { } page)
            {
                // Redis refuses, and not because it is away.
                sequence.SkipMissing();
                AppendGap(GapCode.Redis);
                return;
            }
            if (page.Epoch != sequence.Epoch)
            {
                ChangeEpoch(page.Epoch);
                AppendGap(GapCode.Reset);
                continue;
            }
            if (!page.IsWhole)
                AppendGap(GapCode.Trimmed);
            sequence.Advance(page.UpTo);
            if (page.Messages.Length > 0)
                subscription.AppendAndBroadcast(page.Messages);
            Volatile.Write(ref inLog, sequence.Followed);
            if (page.IsLast)
                return;
        }
    }

    private void StartAt(JournalHead head)
    {
        ChangeEpoch(head.Epoch);
        lock (gate)
            sequence.Begin(head.Id, held);
        subscription.BeginAfter(sequence.Followed);
        Volatile.Write(ref inLog, sequence.Followed);
    }

    private void ChangeEpoch(JournalEpoch now)
    {
        sequence.ChangeEpoch(now);
        Volatile.Write(ref inLog, sequence.Followed);
        subscription.Identity.Journal = now;
    }

    private void AppendGap(GapCode code) => subscription.AppendAndBroadcast([Message.GapOf(code) with { JournalId = sequence.Followed }]);
}
