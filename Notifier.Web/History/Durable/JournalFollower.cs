using System.Runtime.InteropServices;
using Notifier.Messages;

namespace Notifier.History.Durable;

/// <summary>
/// Follows the journal for one name with durable channels: every message that Redis delivers for the name passes the follower on its way to the log. A
/// durable message names its predecessor. If the log lacks the predecessor, the follower delays all later messages until it has fetched it. So the log has
/// every durable message once and in order, even after the connection to Redis was lost. Thread-safe.
/// </summary>
/// <remarks>
/// One thread at a time, the worker, appends or fetches; other threads only queue messages. A worker that finds no more work ends. Then the next thread
/// that queues a message becomes the worker.
/// </remarks>
/// <param name="sink">The name's log.</param>
/// <param name="reader">The journal.</param>
internal sealed class JournalFollower(IJournalSink sink, JournalReader reader)
{
    private readonly Lock gate = new();
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WaitingMessages waiting = new();
    private DueFetch nextFetch;

    /// <summary>A worker is active. Initially true, so that no thread becomes one before <see cref="Begin"/>.</summary>
    private bool isBusy = true;
    private bool hasBegun;

    // ---- owned by the worker -------------------------------------------------------------------------------------------

    private List<Message> working = [];
    private readonly List<Message> accepted = [];

    /// <summary>How many of the waiting messages came before the latest fetch. It has returned those that are genuine.</summary>
    private int beforeFetch;
    private DoubtfulReads? doubtfulReads;
    private readonly JournalSequencer sequence = new(sink.Name, reader.Journal.Prefix, reader.Unkept);

    private JournalFetch Fetch => new(sink, reader, sequence);

    /// <summary>Whether all channels of the name are durable. If so, no message is lost while this node has no connection to Redis.</summary>
    public bool IsDurable { get; } = reader.Journal.Channels.ContainsAll(sink.Name);

    /// <summary>Completes when the follower knows where the log begins in the journal.</summary>
    public Task Ready => ready.Task;

    /// <summary>All durable messages up to this id are in the log, or precede it.</summary>
    public long Followed => sequence.Appended;

    public JournalEpoch Epoch => sequence.Epoch;

    /// <summary>Redis has confirmed the name. May be called for each subscriber.</summary>
    public void Begin()
    {
        lock (gate)
        {
            if (hasBegun)
                return;
            hasBegun = true;
            nextFetch.Require();
        }
        DrainHere();
    }

    /// <summary>Redis has delivered messages.</summary>
    /// <param name="messages">Copied before it returns.</param>
    /// <param name="due">Receives the broadcasts that the caller must run.</param>
    public void Receive(ReadOnlySpan<Message> messages, List<IBroadcast> due)
    {
        lock (gate)
        {
            if (waiting.IsFull)
            {
                sink.OnOverload(waiting.Count);
                waiting.Drop();
                nextFetch.Require();
            }
            waiting.Add(messages);
            if (isBusy)
                return;
            isBusy = true;
        }
        Drain(due);
    }

    /// <summary>Messages may have been lost: the durable ones are fetched, and a gap replaces the others.</summary>
    public void OnGap(GapCode code, List<IBroadcast> due)
    {
        lock (gate)
        {
            nextFetch.Require();
            // Without a journal, nothing can be fetched.
            if (!IsDurable || code == GapCode.Internal || (ready.Task.IsCompleted && sequence.Epoch == JournalEpoch.None))
                waiting.AddGap(code);
            if (isBusy)
                return;
            isBusy = true;
        }
        Drain(due);
    }

    /// <summary>Fetches the journal's latest messages. The task completes when the log has them.</summary>
    public Task CatchUpAsync()
    {
        Task fetched;
        lock (gate)
        {
            fetched = nextFetch.Request();
            if (isBusy)
                return fetched;
            isBusy = true;
        }
        DrainHere();
        return fetched;
    }

    /// <summary>A fetch because of lines that are not proven had to wait, and is due now.</summary>
    private void FetchDoubtful()
    {
        lock (gate)
        {
            nextFetch.Require(isOnlyDoubtful: true);
            if (isBusy)
                return;
            isBusy = true;
        }
        DrainHere();
    }

    // ---- the worker ----------------------------------------------------------------------------------------------------

    /// <summary>Works and broadcasts in this thread, which must not be one that receives from Redis.</summary>
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
                if (!nextFetch.IsDue && waiting.Count == 0)
                {
                    isBusy = false;
                    return;
                }
                if (!nextFetch.IsDue)
                    waiting.MoveTo(ref working);
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
                // A bug in Notifier must not stop the name's messages.
                sink.OnFailure(error);
                accepted.Clear();
                working.Clear();
                lock (gate)
                {
                    waiting.PutBackGap(GapCode.Internal);
                    nextFetch.Require();
                }
            }
        }
    }

    /// <summary>Appends messages up to the first one whose predecessor the log lacks, and puts the rest back.</summary>
    private void AppendWorking(List<IBroadcast> due)
    {
        var done = 0;
        var result = SequenceResult.Accepted;
        for (; done < working.Count; done++)
        {
            result = sequence.Check(working[done], isBeforeFetch: done < beforeFetch, out var message);
            if (result == SequenceResult.Missing || (result == SequenceResult.Doubtful && !(doubtfulReads ??= new(reader.VainReads, FetchDoubtful)).MustWait()))
                break;      // if the read must wait, it will return the message
            if (result == SequenceResult.Accepted)
                accepted.Add(sink.ReplaceIfTooLarge(message));
        }
        beforeFetch = Math.Max(0, beforeFetch - done);
        if (accepted.Count > 0)
            sink.Append(CollectionsMarshal.AsSpan(accepted), due);
        accepted.Clear();
        sequence.OnAppended();
        if (sequence.PopLatest() is { } seen)
            reader.Journal.OnSeen(seen);
        if (done < working.Count)
        {
            lock (gate)
            {
                waiting.PutBack(CollectionsMarshal.AsSpan(working)[done..]);
                nextFetch.Require(isOnlyDoubtful: result == SequenceResult.Doubtful);
            }
        }
        working.Clear();
    }

    private async Task FetchAsync()
    {
        // Never in a thread that receives from Redis: a cached page would be sent in the middle of another name's broadcast.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        DueFetch fetch;
        lock (gate)
        {
            (fetch, nextFetch) = (nextFetch, default);
            waiting.OnFetch();
        }
        var hasFound = true;
        try
        {
            hasFound = await (sequence.Epoch == JournalEpoch.None ? Fetch.StartAsync(BeginAt, fetch.IsOnlyDoubtful) : Fetch.RunAsync(fetch.IsOnlyDoubtful));
        }
        catch (OperationCanceledException)
        {
            ready.TrySetCanceled();
            fetch.Completion?.TrySetCanceled();
            return;     // the process ends
        }
        catch (Exception error)
        {
            // A bug must not end the follower: without a gap, the name would deliver nothing more.
            sink.OnFailure(error);
            sequence.SkipMissing();
            lock (gate)
                waiting.PutBackGap(GapCode.Internal);
        }
        doubtfulReads?.OnRead(hasFound);
        lock (gate)
            beforeFetch = waiting.BeforeFetch;
        ready.TrySetResult();
        fetch.Completion?.TrySetResult();
        DrainHere();
    }

    private bool BeginAt(JournalHead head)
    {
        lock (gate)
            return sequence.Begin(head, waiting.Span);
    }
}
