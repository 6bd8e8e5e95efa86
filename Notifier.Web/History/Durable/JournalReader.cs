using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Names;
using Notifier.Redis;

namespace Notifier.History.Durable;

/// <summary>
/// Reads the journal for subscriptions and for their clients. Waits while Redis is away. Concurrent callers of the same page share one read. Thread-safe.
/// </summary>
internal sealed partial class JournalReader(
    Journal journal, RedisBackplane backplane, IOptions<LimitsOptions> limits, TimeProvider time, ILogger<JournalReader> logger)
{
    /// <summary>
    /// How long to retry while Redis cannot be written to. It may be a former primary that has restarted and lacks messages: after about 10 s, the Sentinels
    /// make it a replica of the new primary. Meanwhile the affected names deliver nothing.
    /// </summary>
    private static readonly TimeSpan NotWritableTimeout = TimeSpan.FromSeconds(30);

    /// <summary>How many pages are read for clients at once, and how many of them for one visitor.</summary>
    private const int TurnsAtOnce = 8;
    private const int TurnsOfVisitor = 2;

    private readonly ConcurrentDictionary<(Name Name, long After), SharedRead> reading = [];
    private readonly ReadTurns turns = new(TurnsAtOnce, TurnsOfVisitor, (int)FairShare.Of(TurnsAtOnce, isOneVisitor: false),
        new(limits.Value, time, LogThrottled(time, logger)));
    private readonly LogThrottle refusals = new(time);
    private readonly LogThrottle unproven = new(time);

    public Journal Journal => journal;

    /// <summary>The limit for reads because of lines that are not proven.</summary>
    public VainReads VainReads { get; } = new(time, backplane.Stopping);

    /// <summary>Receives messages of durable channels that the journal does not have.</summary>
    public UnkeptMessages Unkept { get; } = new(journal.Channels, logger);

    /// <summary>The journal had a message whose line was not proven.</summary>
    public void OnUnprovenMessage()
    {
        if (journal.HasSignedLines && unproven.ShouldLog(out _))
            Log.Unproven(logger);
    }

    /// <returns>Null if Redis answers with a permanent error, or if there is no journal and none can be created.</returns>
    public Task<JournalHead?> ReadHeadAsync() => TryAsync(async () => (JournalHead?)await journal.ReadHeadAsync(), TimeSpan.Zero, new());

    /// <summary>The page after an id, for the log of a name. Begins to read now: the page has all messages that Redis has published until now.</summary>
    /// <returns>Null if Redis answers with a permanent error.</returns>
    public Task<JournalPage?> ReadAsync(Name name, long after) => TryAsync(meter => journal.ReadAsync(name, after, meter: meter), new());

    /// <summary>How many clients wait for their turn to read a page.</summary>
    public int Waiting => turns.Waiting;

    /// <summary>The page after an id, for a client. Not whole, and empty, if the name is a pattern of more than <see cref="Journal.MaxChannels"/>.</summary>
    /// <returns>Null if Redis answers with a permanent error.</returns>
    /// <exception cref="OperationCanceledException">The client has gone.</exception>
    public async Task<JournalPage?> ReadForAsync(ReadClient client, Name name, long after)
    {
        var page = Join((name, after));
        using var gone = client.Gone.UnsafeRegister(static page => ((SharedRead)page!).Leave(), page);
        using var isStarted = new CancellationTokenSource();
        var turn = turns.AcquireAsync(client, isStarted.Token);
        if (await Task.WhenAny(turn, page.Started) != turn)
            await isStarted.CancelAsync();
        try
        {
            using var lease = await TurnOrNone(turn, page);
            client.Gone.ThrowIfCancellationRequested();
            return await page.RunAsync(lease);
        }
        finally
        {
            // The page was current while it was read. Later callers read it again.
            reading.TryRemove(new((name, after), page));
        }
    }

    /// <summary>The last messages, for a client.</summary>
    /// <returns>Null if Redis answers with a permanent error.</returns>
    /// <exception cref="OperationCanceledException">The client has gone.</exception>
    public async Task<JournalPage?> ReadLastForAsync(ReadClient client, Name name, int count)
    {
        using var turn = await turns.AcquireAsync(client);
        using var gone = client.Gone.UnsafeRegister(static meter => ((ReadMeter)meter!).Abandon(), turn.Meter);
        return await TryAsync(meter => journal.ReadLastAsync(name, count, meter: meter), turn.Meter);
    }

    /// <summary>The read of a page, which goes on as long as one of its callers needs it.</summary>
    private SharedRead Join((Name Name, long After) key)
    {
        while (true)
        {
            var page = reading.GetOrAdd(key, key => new(meter => TryAsync(
                meter => journal.ReadAsync(key.Name, key.After, maxChannels: Journal.MaxChannels, meter: meter), meter)));
            if (page.TryJoin())
                return page;
            reading.TryRemove(new(key, page));
        }
    }

    /// <summary>Null if another caller of the same page came first.</summary>
    private static async Task<ReadTurn?> TurnOrNone(Task<ReadTurn> turn, SharedRead page)
    {
        try
        {
            return await turn;
        }
        catch (OperationCanceledException) when (page.Started.IsCompleted)
        {
            return null;
        }
    }

    private Task<JournalPage?> TryAsync(Func<ReadMeter, Task<JournalPage>> read, ReadMeter meter) =>
        TryAsync(async () => (JournalPage?)await read(meter), NotWritableTimeout, meter);

    private async Task<T?> TryAsync<T>(Func<Task<T?>> read, TimeSpan timeout, ReadMeter meter)
    {
        long? refusedSince = null;
        while (true)
        {
            meter.ThrowIfAbandoned();
            var restoration = backplane.NextRestoration;
            try
            {
                return await read();
            }
            catch (Exception error) when (Journal.IsFault(error)
                || (error is OperationCanceledException && !backplane.Stopping.IsCancellationRequested && !meter.IsAbandoned))
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
    public static bool IsTransient(string code) => code is "LOADING" or "MASTERDOWN" or "CLUSTERDOWN" or "TRYAGAIN" or "BUSY";

    /// <summary>Whether Redis cannot write. Reading writes a new epoch if Redis has lost messages or has no journal.</summary>
    private static bool CannotBeWritten(string? code) => code is "READONLY" or "NOREPLICAS" or "OOM" or "MISCONF";

    private static Action LogThrottled(TimeProvider time, ILogger logger)
    {
        var throttled = new LogThrottle(time);
        return () =>
        {
            if (throttled.ShouldLog(out _))
                Log.Throttled(logger);
        };
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "Durable history cannot be read; Redis replied: {Error} (Logged at most once a minute.)")]
        public static partial void Refused(ILogger logger, string error);

        [LoggerMessage(2, LogLevel.Warning, "A backend publishes with a notifier.lua of an earlier version. Nothing is lost, but this node has to read each such message "
            + "from Redis again. Load the script that this node serves at /notifier.lua. (Logged at most once a minute.)")]
        public static partial void Unproven(ILogger logger);

        [LoggerMessage(7, LogLevel.Warning, "Clients wait before they resume further names, because their address or subject has read as many stored messages as it "
            + "may (Limits:RequestsPerSecond). (Logged at most once a minute.)")]
        public static partial void Throttled(ILogger logger);
    }

    /// <summary>
    /// One read of a page. The first of its callers whose turn it is starts the read, and pays for it; the others share it. It ends early when all have gone.
    /// </summary>
    private sealed class SharedRead(Func<ReadMeter, Task<JournalPage?>> read)
    {
        private readonly Lock gate = new();
        private readonly TaskCompletionSource<Task<JournalPage?>> started = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private ReadMeter? meter;
        private int callers;
        private bool isAbandoned;

        public Task Started => started.Task;

        /// <returns>False if all callers have gone.</returns>
        public bool TryJoin()
        {
            lock (gate)
            {
                callers += isAbandoned ? 0 : 1;
                return !isAbandoned;
            }
        }

        /// <summary>The client of a caller has gone.</summary>
        public void Leave()
        {
            lock (gate)
            {
                isAbandoned = --callers == 0;
                if (isAbandoned)
                    meter?.Abandon();
            }
        }

        /// <param name="turn">The caller's turn; null if the read has started.</param>
        public async Task<JournalPage?> RunAsync(ReadTurn? turn)
        {
            if (turn is not null && TryStart(turn.Meter))
                started.SetResult(read(turn.Meter));
            return await await started.Task;
        }

        private bool TryStart(ReadMeter first)
        {
            lock (gate)
            {
                if (meter is not null)
                    return false;
                meter = first;
                if (isAbandoned)
                    meter.Abandon();
                return true;
            }
        }
    }
}
