using System.Collections.Concurrent;
using Notifier.Configuration;
using Notifier.Names;
using Notifier.Redis;

namespace Notifier.History.Durable;

/// <summary>
/// Reads the journal for subscriptions. Waits while Redis is away. Concurrent callers of the same page share one read. Thread-safe.
/// </summary>
internal sealed partial class JournalReader(Journal journal, RedisBackplane backplane, TimeProvider time, ILogger<JournalReader> logger)
{
    /// <summary>
    /// How long to retry while Redis cannot be written to. It may be a former primary that has restarted and lacks messages: after about 10 s, the Sentinels
    /// make it a replica of the new primary. Meanwhile the affected names deliver nothing.
    /// </summary>
    private static readonly TimeSpan NotWritableTimeout = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<(Name Name, long After), Lazy<Task<JournalPage?>>> reading = [];
    private readonly LogThrottle refusals = new(time);

    public Journal Journal => journal;

    /// <returns>Null if Redis answers with a permanent error, or if there is no journal and none can be created.</returns>
    public Task<JournalHead?> ReadHeadAsync() => TryAsync(async () => (JournalHead?)await journal.ReadHeadAsync(), TimeSpan.Zero);

    /// <returns>Null if Redis answers with a permanent error.</returns>
    public async Task<JournalPage?> ReadAsync(Name name, long after)
    {
        var key = (name, after);
        var page = reading.GetOrAdd(key, key => new(() => TryAsync(async () => (JournalPage?)await journal.ReadAsync(key.Name, key.After))));
        try
        {
            return await page.Value;
        }
        finally
        {
            // The page was current while it was read. Later callers read it again.
            reading.TryRemove(new(key, page));
        }
    }

    /// <returns>Null if Redis answers with a permanent error.</returns>
    public Task<JournalPage?> ReadLastAsync(Name name, int count) => TryAsync(async () => (JournalPage?)await journal.ReadLastAsync(name, count));

    private Task<JournalPage?> TryAsync(Func<Task<JournalPage?>> read) => TryAsync(read, NotWritableTimeout);

    private async Task<T?> TryAsync<T>(Func<Task<T?>> read, TimeSpan timeout)
    {
        long? refusedSince = null;
        while (true)
        {
            var restoration = backplane.NextRestoration;
            try
            {
                return await read();
            }
            catch (Exception error) when (Journal.IsFault(error) || (error is OperationCanceledException && !backplane.Stopping.IsCancellationRequested))
            {
                var code = Journal.CodeOf(error);
                // Counts from the first such error, because Redis may have been away long before.
                refusedSince = CannotBeWritten(code) ? refusedSince ?? time.GetTimestamp() : null;
                var isTransient = code is null || IsTransient(code) || (refusedSince is { } since && time.GetElapsedTime(since) < timeout);
                if (!isTransient)
                {
                    if (refusals.ShouldLog(out _))
                        Log.Refused(logger, error.Message);
                    return default;
                }
                await backplane.WaitBeforeRetryAsync(restoration);
            }
        }
    }

    /// <summary>Whether the error ends by itself: Redis starts, or another server becomes the primary.</summary>
    private static bool IsTransient(string code) => code is "LOADING" or "MASTERDOWN" or "CLUSTERDOWN" or "TRYAGAIN" or "BUSY";

    /// <summary>Whether Redis cannot write. Reading writes a new epoch if Redis has lost messages or has no journal.</summary>
    private static bool CannotBeWritten(string? code) => code is "READONLY" or "NOREPLICAS" or "OOM" or "MISCONF";

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "Durable history cannot be read; Redis replied: {Error} (Logged at most once a minute.)")]
        public static partial void Refused(ILogger logger, string error);
    }
}
