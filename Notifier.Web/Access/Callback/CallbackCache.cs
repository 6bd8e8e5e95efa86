namespace Notifier.Access.Callback;

/// <summary>
/// Answers of the application, for a few seconds: a page that opens several connections, or reloads, asks once. Failures are not kept.
/// Thread-safe.
/// </summary>
internal sealed class CallbackCache(TimeSpan keepFor, RecentDisconnections disconnections, TimeProvider time)
{
    /// <summary>Anybody can make up cookies; what is beyond this is asked, and not kept.</summary>
    private const int Most = 10_000;

    private readonly Lock gate = new();
    private readonly Dictionary<string, Entry> entries = [];

    /// <summary>The answer that is there, or that others wait for already; else asks.</summary>
    public Task<AuthenticationResult> GetAsync(string key, Func<Task<AuthenticationResult>> ask)
    {
        if (keepFor == TimeSpan.Zero)
            return ask();
        lock (gate)
        {
            if (entries.TryGetValue(key, out var found) && IsFresh(found))
                return found.Answer;
            if (entries.Count >= Most)
                Prune();
            // Not begun under the lock: it runs on until it first waits.
            var asked = (At: time.GetTimestamp(), AsOf: disconnections.Count);
            var answer = Task.Run(ask);
            if (entries.Count < Most)
                entries[key] = new(answer, asked.At, asked.AsOf);
            return answer;
        }
    }

    private void Prune()
    {
        foreach (var (key, entry) in entries.ToList())
        {
            if (!IsFresh(entry))
                entries.Remove(key);
        }
    }

    /// <summary>
    /// Not after its end, nor that of what it grants; nobody stays turned away because there was no answer once; and what was said before a
    /// disconnection, or may be of whoever was disconnected, is nothing to come back by.
    /// </summary>
    private bool IsFresh(Entry entry) => time.GetElapsedTime(entry.AskedAt) < keepFor
        && (!entry.Answer.IsCompleted
            ? entry.AskedAsOf == disconnections.Count
            : entry.Answer.IsCompletedSuccessfully
                && entry.Answer.Result is { Refusal: not { Kind: AccessRefusalKind.Unavailable } } known
                && !(known.Caller is { } caller && (caller.Until <= time.GetUtcNow() || disconnections.Check(caller) is not null)));

    private readonly record struct Entry(Task<AuthenticationResult> Answer, long AskedAt, long AskedAsOf);
}
