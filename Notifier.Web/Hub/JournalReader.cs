using System.Collections.Concurrent;
using Notifier.Access;
using Notifier.History;
using Notifier.Messages;
using Notifier.Redis;
using StackExchange.Redis;

namespace Notifier.Hub;

/// <summary>
/// Reads the journal for subscriptions: while Redis is away it waits for it, and who asks for the same gets the same page. Thread-safe.
/// </summary>
internal sealed partial class JournalReader(Journal journal, RedisBackplane backplane, TimeProvider time, ILogger<JournalReader> logger)
{
    private readonly ConcurrentDictionary<(Name Name, long After), Lazy<Task<JournalPage?>>> reading = [];
    private readonly Seldom refusals = new(time);

    public Journal Journal => journal;

    /// <returns>Null when Redis refuses; also a replica that has no journal, and cannot begin one.</returns>
    public Task<JournalHead?> LookAsync() =>
        TryAsync(async () => (JournalHead?)await journal.LookAsync(), static answer => IsPassing(answer) && !answer.StartsWith("READONLY", StringComparison.Ordinal));

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

    private async Task<T?> TryAsync<T>(Func<Task<T?>> read, Predicate<string>? isPassing = null)
    {
        while (true)
        {
            var restoration = backplane.NextRestoration;
            try
            {
                return await read();
            }
            catch (RedisServerException error) when (!(isPassing ?? IsPassing)(error.Message))
            {
                if (refusals.IsDue(out _))
                    Log.Refused(logger, error.Message);
                return default;
            }
            catch (Exception error) when (Journal.IsFault(error))
            {
                await backplane.WhenWorthAnotherLookAsync(restoration);
            }
        }
    }

    /// <summary>What Redis says while it starts, or while another server of it takes over.</summary>
    private static bool IsPassing(string message) => message.Split(' ')[0] is "LOADING" or "MASTERDOWN" or "CLUSTERDOWN" or "TRYAGAIN" or "BUSY" or "READONLY";

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "Durable history does not work: Redis refuses to have it read: {Error} (Said once a minute.)")]
        public static partial void Refused(ILogger logger, string error);
    }
}
