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
    /// <summary>Appends every durable message that the log lacks, page by page.</summary>
    /// <param name="isOnlyEpochUnknown">No message is known to be missing: nothing is fetched unless the journal's epoch has changed.</param>
    public async Task RunAsync(bool isOnlyEpochUnknown)
    {
        if (isOnlyEpochUnknown && (await reader.ReadHeadAsync())?.Epoch == sequence.Epoch)
            return;     // the envelope with the unknown epoch is forged
        while (true)
        {
            if (await reader.ReadAsync(sink.Name, sequence.Followed) is not { } page)
            {
                // Redis is reachable, but answers with an error.
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
                sink.AppendAndBroadcast(page.Messages);
            sequence.OnAppended();
            if (page.IsLast)
                return;
        }
    }

    public void ChangeEpoch(JournalEpoch next)
    {
        sequence.ChangeEpoch(next);
        sequence.OnAppended();
        sink.OnEpoch(next);
    }

    private void AppendGap(GapCode code) => sink.AppendAndBroadcast([Message.GapOf(code) with { JournalId = sequence.Followed }]);
}
