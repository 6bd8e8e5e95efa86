using Notifier.Configuration;
using Notifier.Redis;

namespace Notifier.History.Durable;

/// <summary>
/// Keeps a journal in Redis while there are durable channels. notifier.lua creates none, because Redis' Lua has no good source of random numbers for a key.
/// So each node looks once a second whether there is one: a backend can publish again soon after Redis has lost its data.
/// </summary>
internal sealed partial class JournalKeeper(Journal journal, RedisBackplane backplane, RedisProbe probe, TimeProvider time, ILogger<JournalKeeper> logger) : StoppableService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly LogThrottle failures = new(time);
    private readonly JournalUpgrade upgrade = new(journal, backplane, probe, time, logger);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!journal.Channels.Any)
            return;
        await backplane.SubscriberAsync().WaitAsync(stoppingToken);     // Redis may never be available
        using var timer = new PeriodicTimer(Interval, time);
        do
            await CheckAsync();
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task CheckAsync()
    {
        try
        {
            var state = await journal.ReadStateAsync();
            if (!state.Exists)
            {
                if (await upgrade.SeesEarlierNodesAsync())
                    journal.KeepEarlierLines();
                await journal.ReadHeadAsync();
            }
            else if (state.Lines is null)
                await upgrade.CheckAsync();
        }
        catch (Exception error)
        {
            // Logged elsewhere: Redis is away or starts, or the process ends.
            var isPermanent = Journal.CodeOf(error) is { } code ? !JournalReader.IsTransient(code) : !Journal.IsFault(error) && error is not OperationCanceledException;
            if (isPermanent && failures.ShouldLog(out _))
                Log.Failed(logger, error.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3, LogLevel.Warning, "Notifier cannot check or create the journal of durable messages; without it, backends cannot publish them: {Error} "
            + "(Logged at most once a minute.)")]
        public static partial void Failed(ILogger logger, string error);
    }
}
