using Notifier.Messages;

namespace Notifier.History.Durable;

/// <summary>
/// Fetches the durable messages that the log of one name lacks. Called by the follower's current worker only. A struct, so that a name needs no further
/// object.
/// </summary>
/// <param name="sink">The name's log.</param>
/// <param name="reader">The journal.</param>
/// <param name="sequence">How far the log has followed the journal.</param>
internal readonly struct JournalFetch(IJournalSink sink, JournalReader reader, JournalSequencer sequence)
{
    /// <summary>Finds where the log begins in the journal.</summary>
    /// <param name="begin">Sets where, and returns whether messages after it must be fetched.</param>
    /// <param name="isDoubtful">Whether messages had lines that are not proven.</param>
    /// <returns>Whether the journal can be read.</returns>
    public async Task<bool> StartAsync(Func<JournalHead, bool> begin, bool isDoubtful)
    {
        if (await reader.ReadHeadAsync() is not { } head)
        {
            if (isDoubtful)
                AppendGap(GapCode.Redis);   // they may have been genuine
            return false;
        }
        ChangeEpoch(head.Epoch);
        var mustFetch = begin(head);
        sink.BeginAfter(sequence.Followed);
        sequence.OnAppended();
        if (mustFetch)
            await RunAsync(isOnlyDoubtful: false);
        return true;
    }

    /// <summary>Appends every durable message that the log lacks, page by page.</summary>
    /// <param name="isOnlyDoubtful">No message is known to be missing, but some had lines that are not proven.</param>
    /// <returns>Whether the journal had something that the log lacked.</returns>
    public async Task<bool> RunAsync(bool isOnlyDoubtful)
    {
        var hasFound = false;
        while (true)
        {
            if (await reader.ReadAsync(sink.Name, sequence.Followed) is not { } page)
            {
                // Redis is reachable, but answers with an error.
                sequence.SkipMissing();
                AppendGap(GapCode.Redis);
                return hasFound;
            }
            if (page.Epoch != sequence.Epoch)
            {
                ChangeEpoch(page.Epoch);
                AppendGap(GapCode.Reset);
                hasFound = true;
                continue;
            }
            sequence.UpdateKey(page.Epoch);
            if (isOnlyDoubtful && page.Messages.Length > 0)
                reader.OnUnprovenMessage();
            hasFound |= page.Messages.Length > 0;
            // What Redis dropped from a quiet channel because of its age arrived here before. A forged line must not cause a gap.
            if (!page.IsWhole && (hasFound || !isOnlyDoubtful))
                AppendGap(GapCode.Trimmed);
            sequence.Advance(page.UpTo);
            if (page.Messages.Length > 0)
                sink.AppendAndBroadcast(page.Messages);
            sequence.OnAppended();
            if (page.IsLast)
                return hasFound;
        }
    }

    private void ChangeEpoch(JournalEpoch next)
    {
        sequence.ChangeEpoch(next);
        sequence.OnAppended();
        sink.OnEpoch(next);
    }

    private void AppendGap(GapCode code) => sink.AppendAndBroadcast([Message.GapOf(code) with { JournalId = sequence.Followed }]);
}

/// <summary>The fetch that a follower must do next. Under the follower's lock; a field, never copied before it has begun.</summary>
internal struct DueFetch
{
    public bool IsDue { get; private set; }

    /// <summary>No message is known to be missing: the fetch only has to return the messages whose lines are not proven, if they are genuine.</summary>
    public bool IsOnlyDoubtful { get; private set; }

    /// <summary>To be completed by the fetch; null if no caller waits for it.</summary>
    public TaskCompletionSource? Completion { get; private set; }

    public void Require(bool isOnlyDoubtful = false)
    {
        IsOnlyDoubtful = isOnlyDoubtful && (IsOnlyDoubtful || !IsDue);
        IsDue = true;
    }

    public Task Request()
    {
        Require();
        return (Completion ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
    }
}
