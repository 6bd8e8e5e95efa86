namespace Notifier.Access.Callback;

/// <summary>
/// Keeps the application's answers for a few seconds, so that a page that opens several connections, or reloads, causes one request. Failures are
/// not kept. Thread-safe.
/// </summary>
internal sealed class CallbackCache(TimeSpan keepFor, RecentDisconnections disconnections, TimeProvider time)
{
    /// <summary>Limited, because clients can invent cookies. Beyond the limit, answers are not kept.</summary>
    private const int MaxEntries = 10_000;

    /// <summary>Limits how often a full cache is searched: with invented cookies it stays full.</summary>
    private static readonly TimeSpan PruneInterval = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private readonly Dictionary<string, Entry> entries = [];
    private long prunedAt;

    /// <summary>Returns the kept answer, or the one that another caller waits for. Otherwise sends a request.</summary>
    public Task<AuthenticationResult> GetAsync(string key, Func<Task<AuthenticationResult>> send)
    {
        if (keepFor == TimeSpan.Zero)
            return send();
        lock (gate)
        {
            if (entries.TryGetValue(key, out var found) && IsFresh(found))
                return found.Answer;
            if (entries.Count >= MaxEntries && time.GetElapsedTime(prunedAt) >= PruneInterval)
                Prune();
            var (sentAt, disconnectionsBefore) = (time.GetTimestamp(), disconnections.Count);
            // Not called under the lock: an async method runs synchronously up to its first wait.
            var answer = Task.Run(send);
            if (entries.Count < MaxEntries)
                entries[key] = new(answer, sentAt, disconnectionsBefore);
            return answer;
        }
    }

    private void Prune()
    {
        prunedAt = time.GetTimestamp();
        foreach (var (key, entry) in entries.ToList())
        {
            if (!IsFresh(entry))
                entries.Remove(key);
        }
    }

    /// <summary>
    /// Whether an answer may be used again: it is young, its access has not expired, it was not a failure, and its caller was not disconnected since
    /// the request. While the request runs, its caller is unknown, so any disconnection counts.
    /// </summary>
    private bool IsFresh(Entry entry) => time.GetElapsedTime(entry.SentAt) < keepFor
        && (!entry.Answer.IsCompleted
            ? entry.DisconnectionsBefore == disconnections.Count
            : entry.Answer.IsCompletedSuccessfully
                && entry.Answer.Result is { Refusal: not { Kind: AccessRefusalKind.Unavailable } } known
                && !(known.Caller is { } caller && (caller.ExpiresAt <= time.GetUtcNow() || disconnections.Check(caller) is not null)));

    private readonly record struct Entry(Task<AuthenticationResult> Answer, long SentAt, long DisconnectionsBefore);
}
