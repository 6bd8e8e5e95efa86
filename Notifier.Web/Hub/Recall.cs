using Notifier.History;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// Has a subscriber begin where it left off, where the log does not know that place: on another node, or after a restart. From the log when
/// that goes back so far, else from the journal, until that meets the log.
/// </summary>
internal sealed class Recall(Subscription subscription, JournalTail tail, JournalReader reader)
{
    /// <summary>Completes with <paramref name="live"/>, when the subscriber stands where it is to begin.</summary>
    public async Task<string?> StandAsync(Task<string?> live, Subscriber subscriber, Replay replay)
    {
        if (await live is { } refusal)
            return refusal;
        tail.Begin();
        await tail.Ready;
        if (subscriber.Standing.NeedsJournal)
            await StandAsync(subscriber, replay);
        return null;
    }

    /// <summary>The page after that one, for a subscriber whose log does not go back so far yet.</summary>
    public async Task GoOnAsync(Subscriber subscriber, long after) => subscriber.Take(await ReadAsync(after));

    private Task<JournalPage?> ReadAsync(long after) => MeetAsync(reader.ReadAsync(subscription.Name, after));

    /// <returns>Null when it is not to be had, or of another epoch.</returns>
    private async Task<JournalPage?> MeetAsync(Task<JournalPage?> reading)
    {
        var page = await reading;
        // What the page has must not come once more, from the log.
        if (page?.UpTo > tail.Followed)
            await tail.CatchUpAsync();
        return page?.Epoch == tail.Epoch ? page : null;
    }

    private async Task StandAsync(Subscriber subscriber, Replay replay)
    {
        var given = replay.After is null ? null : JournalPosition.Of(replay.After);
        var code = replay.After is null ? null : given is null ? subscriber.Standing.Code : Codes.Reset;
        if (given is { } position && await IsKnownAsync(position))
        {
            // What is not durable, no other node has.
            code = tail.IsWhole ? null : Codes.Elsewhere;
            if (subscription.NumberAfter(position.Id) is not null)
            {
                if (subscription.HasGapAfter(position.Id))
                    code ??= Codes.Gap;
                subscriber.Settle(new(code is null, code), position.Id, backlog: null);
                return;
            }
            if (await ReadAsync(position.Id) is { } page)
            {
                if (!page.IsWhole)
                    code = Codes.Trimmed;
                subscriber.Settle(new(code is null, code), position.Id, new(page));
                return;
            }
            code = Codes.Unavailable;
        }
        if (replay.Last is { } last && await MeetAsync(reader.ReadLastAsync(subscription.Name, last)) is { } latest)
            subscriber.Settle(new(replay.After is null ? null : false, code), latest.After, new(latest));
        else
            subscriber.Settle(new(replay.After is null ? null : false, code), after: null, backlog: null);
    }

    private async Task<bool> IsKnownAsync(JournalPosition position)
    {
        if (position.Mark != tail.Epoch.Mark || position.Id > tail.Followed)
            await tail.CatchUpAsync();      // of another channel, or not here yet; or of an epoch that is not known here yet
        return position.Mark == tail.Epoch.Mark && tail.Epoch.Has(position.Id) && position.Id <= tail.Followed;
    }
}
