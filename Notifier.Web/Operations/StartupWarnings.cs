using Microsoft.Extensions.Options;
using Notifier.Access.Origins;
using Notifier.Configuration;
using Notifier.History.Durable;
using Notifier.Redis;
using StackExchange.Redis;

namespace Notifier.Operations;

/// <summary>
/// What would hurt later is found at start: one line for each, with the remedy. Not in Development, where it hurts nobody. What only Redis can tell
/// is asked once it is there.
/// </summary>
internal sealed partial class StartupWarnings(
    RedisBackplane backplane, DurableChannels durable, IOptions<LimitsOptions> limits, IOptions<ProxyOptions> proxies, IHostEnvironment environment,
    ILoggerFactory loggers) : BackgroundService
{
    /// <summary>How many of the largest payloads Redis should let wait for a node: at once, and for long. As many as its default has room for.</summary>
    private const int PayloadsAtOnce = 64;

    private const int PayloadsForLong = 16;

    private readonly ILogger logger = loggers.CreateLogger("Notifier");
    private int proxyTold;

    /// <summary>A header that only proxies send, and none is known. Called for each request.</summary>
    public void CheckRequest(HttpRequest request)
    {
        if (environment.IsDevelopment() || proxies.Value.IsConfigured || Volatile.Read(ref proxyTold) == 1 || !request.Headers.ContainsKey("X-Forwarded-For"))
            return;
        if (Interlocked.Exchange(ref proxyTold, 1) == 0)
            Log.UnknownProxy(logger);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (environment.IsDevelopment())
            return;
        var needed = (long)limits.Value.Connections + OpenFiles.Others;
        if (OpenFiles.Limit is { } files && files < needed)
            Log.FewFiles(logger, files, limits.Value.Connections, needed);
        if (backplane.Location!.IsEmbedded)
            Log.Embedded(logger);
        try
        {
            await WhenConnectedAsync().WaitAsync(stoppingToken);    // Redis may never come
            await using var redis = await RedisSettings.ConnectAsync(backplane.Options);
            await CheckRedisAsync(redis);
            Log.Looked(logger);
        }
        catch (Exception error) when (error is RedisException or RedisCommandException or TimeoutException)
        {
            Log.NotLooked(logger, error.Message);   // it is away again
        }
        catch (OperationCanceledException)
        {
            // The process ends.
        }
    }

    private async Task WhenConnectedAsync()
    {
        await backplane.SubscriberAsync();
        for (var restoration = backplane.NextRestoration; backplane.Connected is null || backplane.Health.IsAway; restoration = backplane.NextRestoration)
            await backplane.WaitBeforeRetryAsync(restoration);
    }

    private async Task CheckRedisAsync(ConnectionMultiplexer redis)
    {
        IServer[] primaries = [.. redis.GetServers().Where(static server => server is { IsConnected: true, IsReplica: false })];
        foreach (var server in primaries)
        {
            if (durable.Any && await RedisSettings.KeepsNothingAsync(server))
            {
                Log.NothingKept(logger);
                break;
            }
        }
        foreach (var server in primaries)
        {
            if (RedisSettings.BufferOf(await RedisSettings.ReadAsync(server, "client-output-buffer-limit")) is not { } buffer)
                continue;
            var (hard, soft) = ((long)limits.Value.PayloadBytes * PayloadsAtOnce, (long)limits.Value.PayloadBytes * PayloadsForLong);
            if ((buffer.Hard > 0 && buffer.Hard < hard) || (buffer.Soft > 0 && buffer.Soft < soft))
            {
                Log.SmallBuffer(logger, buffer.Hard, buffer.Soft, hard, soft);
                break;
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "This process may have {Files} files open, which is too few for Limits:Connections={Connections}: "
            + "raise that to {Needed} (systemd: LimitNOFILE={Needed}; Docker: --ulimit nofile={Needed}), or lower Limits:Connections.")]
        public static partial void FewFiles(ILogger logger, long files, int connections, long needed);

        [LoggerMessage(LogLevel.Warning, "The embedded Redis serves this process only, and forgets all when it ends: no other node hears what is "
            + "published there. Set Redis:Configuration to a Redis of its own.")]
        public static partial void Embedded(ILogger logger);

        [LoggerMessage(LogLevel.Warning, "Durable history is on (History:Durable:Channels), and Redis writes nothing to disk: when it restarts, all of "
            + "it is lost. Set it to: CONFIG SET appendonly yes (and appendonly yes in redis.conf).")]
        public static partial void NothingKept(ILogger logger);

        [LoggerMessage(LogLevel.Warning, "Redis disconnects this node when {Hard} bytes wait for it, or {Soft} for long (0: no limit); with payloads as large as "
            + "Limits:PayloadBytes allows that is soon. Set it to: CONFIG SET client-output-buffer-limit \"pubsub {NeededHard} {NeededSoft} 60\" (and in redis.conf).")]
        public static partial void SmallBuffer(ILogger logger, long hard, long soft, long neededHard, long neededSoft);

        [LoggerMessage(LogLevel.Debug, "How Redis is configured was looked at.")]
        public static partial void Looked(ILogger logger);

        [LoggerMessage(LogLevel.Debug, "How Redis is configured could not be looked at: {Error}")]
        public static partial void NotLooked(ILogger logger, string error);

        [LoggerMessage(LogLevel.Warning, "Requests come through a proxy (they have X-Forwarded-For), and none is known: all visitors seem to have its address. "
            + "Set ForwardedHeaders:KnownProxies or ForwardedHeaders:KnownNetworks; see docs/proxies.md.")]
        public static partial void UnknownProxy(ILogger logger);
    }
}
