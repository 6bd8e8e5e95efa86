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
    /// <param name="key">What identifies the caller.</param>
    /// <param name="send">Sends a request. Its token is cancelled when the last caller that waited for the answer has left.</param>
    /// <param name="left">The client has disconnected.</param>
    public async Task<AuthenticationResult> GetAsync(string key, Func<CancellationToken, Task<AuthenticationResult>> send, CancellationToken left)
    {
        var entry = FindOrSend(key, send);
        try
        {
            return await entry.Answer.WaitAsync(left);
        }
        finally
        {
            if (Leave(key, entry))
                await entry.NobodyWaits.CancelAsync();
        }
    }

    private Entry FindOrSend(string key, Func<CancellationToken, Task<AuthenticationResult>> send)
    {
        lock (gate)
        {
            if (entries.TryGetValue(key, out var found) && IsFresh(found))
            {
                found.Waiting++;
                return found;
            }
            if (entries.Count >= MaxEntries && time.GetElapsedTime(prunedAt) >= PruneInterval)
                Prune();
            var nobodyWaits = new CancellationTokenSource();
            // Not called under the lock: an async method runs synchronously up to its first wait.
            var sent = new Entry(Task.Run(() => send(nobodyWaits.Token)), nobodyWaits, time.GetTimestamp(), disconnections.Count) { Waiting = 1 };
            if (keepFor > TimeSpan.Zero && entries.Count < MaxEntries)
                entries[key] = sent;
            return sent;
        }
    }

    /// <returns>Whether the last caller left before the answer came. Then no other caller can join.</returns>
    private bool Leave(string key, Entry entry)
    {
        lock (gate)
        {
            if (--entry.Waiting > 0 || entry.Answer.IsCompleted)
                return false;
            if (entries.TryGetValue(key, out var kept) && kept == entry)
                entries.Remove(key);
            return true;
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

    /// <summary>A request to the application.</summary>
    private sealed class Entry(Task<AuthenticationResult> answer, CancellationTokenSource nobodyWaits, long sentAt, long disconnectionsBefore)
    {
        public Task<AuthenticationResult> Answer => answer;

        public CancellationTokenSource NobodyWaits => nobodyWaits;

        public long SentAt => sentAt;

        public long DisconnectionsBefore => disconnectionsBefore;

        /// <summary>How many callers wait for the answer. Under the lock.</summary>
        public int Waiting { get; set; }
    }
}
