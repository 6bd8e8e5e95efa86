using Notifier.History.Durable;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// Has a subscriber begin where it left off, where the log does not know that place: on another node, or after a restart. From the log when
/// that goes back so far, else from the journal, until that meets the log.
/// </summary>
internal sealed class Recovery(Subscription subscription, JournalFollower follower, JournalReader reader)
{
    /// <summary>Completes with <paramref name="live"/>, when the subscriber stands where it is to begin.</summary>
    public async Task<string?> RecoverAsync(Task<string?> live, Subscriber subscriber, ReplayRequest replay)
    {
        if (await live is { } refusal)
            return refusal;
        follower.Begin();
        await follower.Ready;
        if (subscriber.RecoveryResult.NeedsJournal)
            await RecoverAsync(subscriber, replay);
        return null;
    }

    /// <summary>The page after that one, for a subscriber whose log does not go back so far yet.</summary>
    public async Task ReadNextPageAsync(Subscriber subscriber, long after) => subscriber.Continue(await ReadAsync(after));

    private Task<JournalPage?> ReadAsync(long after) => AwaitFollowerAsync(reader.ReadAsync(subscription.Name, after));

    /// <returns>Null when it is not to be had, or of another epoch.</returns>
    private async Task<JournalPage?> AwaitFollowerAsync(Task<JournalPage?> reading)
    {
        var page = await reading;
        // What the page has must not come once more, from the log.
        if (page?.UpTo > follower.Followed)
            await follower.CatchUpAsync();
        return page?.Epoch == follower.Epoch ? page : null;
    }

    private async Task RecoverAsync(Subscriber subscriber, ReplayRequest replay)
    {
        var given = replay.After is null ? null : JournalPosition.Parse(replay.After);
        var code = replay.After is null ? null : given is null ? subscriber.RecoveryResult.Code : Codes.Reset;
        if (given is { } position && await IsKnownAsync(position))
        {
            // What is not durable, no other node has.
            code = follower.IsDurable ? null : Codes.Elsewhere;
            if (subscription.NumberAfter(position.Id) is not null)
            {
                if (subscription.HasGapAfter(position.Id))
                    code ??= Codes.Gap;
                subscriber.Recover(new(code is null, code), position.Id, replayCursor: null);
                return;
            }
            if (await ReadAsync(position.Id) is { } page)
            {
                if (!page.IsWhole)
                    code = Codes.Trimmed;
                subscriber.Recover(new(code is null, code), position.Id, new(page));
                return;
            }
            code = Codes.Unavailable;
        }
        if (replay.Last is { } last && await AwaitFollowerAsync(reader.ReadLastAsync(subscription.Name, last)) is { } latest)
            subscriber.Recover(new(replay.After is null ? null : false, code), latest.After, new(latest));
        else
            subscriber.Recover(new(replay.After is null ? null : false, code), after: null, replayCursor: null);
    }

    private async Task<bool> IsKnownAsync(JournalPosition position)
    {
        if (position.Mark != follower.Epoch.Mark || position.Id > follower.Followed)
            await follower.CatchUpAsync();      // of another channel, or not here yet; or of an epoch that is not known here yet
        return position.Mark == follower.Epoch.Mark && follower.Epoch.Contains(position.Id) && position.Id <= follower.Followed;
    }
}
