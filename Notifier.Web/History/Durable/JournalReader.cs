using System.Collections.Concurrent;
using Notifier.Configuration;
using Notifier.Names;
using Notifier.Redis;

namespace Notifier.History.Durable;

/// <summary>
/// Reads the journal for subscriptions: while Redis is away it waits for it, and who asks for the same gets the same page. Thread-safe.
/// </summary>
internal sealed partial class JournalReader(Journal journal, RedisBackplane backplane, TimeProvider time, ILogger<JournalReader> logger)
{
    /// <summary>
    /// How long a Redis is waited for that lacks messages and cannot be written to. It may be a primary that was down and is back, until the Sentinels
    /// tell it that there is another one: some ten seconds. Meanwhile the names concerned deliver nothing.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<(Name Name, long After), Lazy<Task<JournalPage?>>> reading = [];
    private readonly LogThrottle refusals = new(time);

    public Journal Journal => journal;

    /// <returns>Null when Redis refuses; also where there is no journal, and none can be begun.</returns>
    public Task<JournalHead?> ReadHeadAsync() => TryAsync(async () => (JournalHead?)await journal.ReadHeadAsync(), TimeSpan.Zero);

    /// <returns>Null when Redis refuses.</returns>
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
            // It was as new as can be while it was read. Who asks later reads anew.
            reading.TryRemove(new(key, page));
        }
    }

    /// <returns>Null when Redis refuses.</returns>
    public Task<JournalPage?> ReadLastAsync(Name name, int count) => TryAsync(async () => (JournalPage?)await journal.ReadLastAsync(name, count));

    private Task<JournalPage?> TryAsync(Func<Task<JournalPage?>> read) => TryAsync(read, Patience);

    private async Task<T?> TryAsync<T>(Func<Task<T?>> read, TimeSpan patience)
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
                var said = Journal.CodeOf(error);
                // Only the time in which it says so counts: it may have been away for long before.
                refusedSince = CannotBeWritten(said) ? refusedSince ?? time.GetTimestamp() : null;
                var isPassing = said is null || IsPassing(said) || (refusedSince is { } since && time.GetElapsedTime(since) < patience);
                if (!isPassing)
                {
                    if (refusals.IsDue(out _))
                        Log.Refused(logger, error.Message);
                    return default;
                }
                await backplane.WaitBeforeRetryAsync(restoration);
            }
        }
    }

    /// <summary>While it starts, or while another server of it takes over.</summary>
    private static bool IsPassing(string said) => said is "LOADING" or "MASTERDOWN" or "CLUSTERDOWN" or "TRYAGAIN" or "BUSY";

    /// <summary>It lacks messages, or has no journal, and a new epoch would have to be written.</summary>
    private static bool CannotBeWritten(string? said) => said is "READONLY" or "NOREPLICAS" or "OOM" or "MISCONF";

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "Durable history does not work: Redis refuses to have it read: {Error} (Said once a minute.)")]
        public static partial void Refused(ILogger logger, string error);
    }
}
