using Notifier.History.Durable;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>Where a subscriber starts, according to the journal.</summary>
/// <param name="Result">The result that the client is told.</param>
/// <param name="After">The id of the last durable message that the client has; null if the client starts with new messages.</param>
/// <param name="Page">The journal's messages that precede the log; null if the log has all.</param>
internal readonly record struct RecoveryStart(RecoveryResult Result, long? After = null, JournalPage? Page = null);

/// <summary>
/// Finds where a subscriber resumes if its log does not know the client's position, which is from another node, or from before a restart. The subscriber
/// resumes from the log if the log reaches back to the position; otherwise from the journal, up to the first message of the log. Thread-safe.
/// </summary>
internal sealed class Recovery(SubscriptionLog log, JournalFollower follower, JournalReader reader)
{
    /// <summary>Called when Redis has confirmed the name. Completes when the follower knows where the log begins in the journal.</summary>
    public Task WhenReadyAsync()
    {
        follower.Begin();
        return follower.Ready;
    }

    /// <param name="client">Whose turn it is to read.</param>
    /// <param name="request">The messages that the client wants.</param>
    /// <param name="code">Why the log does not have them.</param>
    /// <returns>Null if the client has gone.</returns>
    public async Task<RecoveryStart?> FindStartAsync(ReadClient client, RecoveryRequest request, string? code)
    {
        try
        {
            return await FindAsync(client, request, code);
        }
        catch (OperationCanceledException) when (client.Gone.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task<RecoveryStart> FindAsync(ReadClient client, RecoveryRequest request, string? code)
    {
        client.Gone.ThrowIfCancellationRequested();
        var given = request.After is null ? null : JournalPosition.Parse(request.After);
        if (request.After is null)
            code = null;
        else if (given is not null)
            code = ServerCodes.Reset;
        if (given is { } position && await IsKnownAsync(position))
        {
            // No other node has messages that are not durable.
            code = follower.IsDurable ? null : ServerCodes.Elsewhere;
            if (log.NumberAfter(position.Id) is not null)
            {
                if (log.HasGapAfter(position.Id))
                    code ??= ServerCodes.Gap;
                return new(new(code is null, code), position.Id);
            }
            if (await ReadAsync(client, position.Id) is { } page)
            {
                if (!page.IsWhole)
                    code = ServerCodes.Trimmed;
                return new(new(code is null, code), position.Id, page);
            }
            code = ServerCodes.Unavailable;
        }
        var result = new RecoveryResult(request.After is null ? null : false, code);
        return request.Last is { } last && await AwaitFollowerAsync(reader.ReadLastForAsync(client, log.Name, last)) is { } latest
            ? new(result, latest.After, latest)
            : new(result);
    }

    /// <summary>The page after a durable message. Null if Redis answers with an error, or if the journal has a new epoch.</summary>
    public Task<JournalPage?> ReadAsync(ReadClient client, long after) => AwaitFollowerAsync(reader.ReadForAsync(client, log.Name, after));

    private async Task<JournalPage?> AwaitFollowerAsync(Task<JournalPage?> reading)
    {
        var page = await reading;
        // The log must have the page's messages, or the client would receive them again from the log.
        if (page?.UpTo > follower.Followed)
            await follower.CatchUpAsync();
        return page?.Epoch == follower.Epoch ? page : null;
    }

    private async Task<bool> IsKnownAsync(JournalPosition position)
    {
        // The position may be that of another channel, newer than what has arrived here, or of an epoch that this node does not know yet.
        if (position.EpochId != follower.Epoch.PublicId || position.Id > follower.Followed)
            await follower.CatchUpAsync();
        return position.EpochId == follower.Epoch.PublicId && follower.Epoch.Contains(position.Id) && position.Id <= follower.Followed;
    }
}
