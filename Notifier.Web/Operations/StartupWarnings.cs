using Microsoft.Extensions.Options;
using Notifier.Access.Origins;
using Notifier.Configuration;
using Notifier.History.Durable;
using Notifier.Redis;
using StackExchange.Redis;

namespace Notifier.Operations;

/// <summary>
/// Warns at start about settings that cause problems later, each in one line with the remedy. Not in Development, where they cause none. Redis' own
/// settings are checked once Notifier is connected to Redis.
/// </summary>
internal sealed partial class StartupWarnings(
    RedisBackplane backplane, DurableChannels durable, IOptions<LimitsOptions> limits, IOptions<ProxyOptions> proxies, IHostEnvironment environment,
    ILoggerFactory loggers) : StoppableService
{
    /// <summary>How many of the largest payloads should fit into Redis' output buffer for a node, at any time and for 60 s: as many as with all defaults.</summary>
    private const int PayloadsAtOnce = 64;

    private const int PayloadsForLong = 16;

    private readonly ILogger logger = loggers.CreateLogger("Notifier");
    private int proxyWarned;

    /// <summary>Warns once if a request comes through a proxy, but no proxy is configured. Called for each request.</summary>
    public void CheckRequest(HttpRequest request)
    {
        if (environment.IsDevelopment() || proxies.Value.IsConfigured || Volatile.Read(ref proxyWarned) == 1 || !request.Headers.ContainsKey("X-Forwarded-For"))
            return;
        if (Interlocked.Exchange(ref proxyWarned, 1) == 0)
            Log.UnknownProxy(logger);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (environment.IsDevelopment())
            return;
        var needed = (long)limits.Value.Connections + OpenFiles.Reserved;
        if (OpenFiles.Limit is { } files && files < needed)
            Log.FewFiles(logger, files, limits.Value.Connections, needed);
        if (ListenQueues.Current is { } queues && queues.AreShort(limits.Value.Connections))
            Log.ShortQueues(logger, queues.Accept, queues.Handshakes, ListenQueues.Enough);
        if (backplane.Location!.IsEmbedded)
            Log.Embedded(logger);
        try
        {
            await WhenConnectedAsync().WaitAsync(stoppingToken);    // Redis may never answer
            await using var redis = await RedisSettings.ConnectAsync(backplane.Options);
            await CheckRedisAsync(redis);
            Log.Checked(logger);
        }
        catch (Exception error) when (error is RedisException or RedisCommandException or TimeoutException)
        {
            Log.NotChecked(logger, error.Message);   // the connection is lost again
        }
    }

    private async Task WhenConnectedAsync()
    {
        await backplane.SubscriberAsync();
        for (var restoration = backplane.NextRestoration; backplane.ConnectedCommands is null || backplane.Health.IsAway; restoration = backplane.NextRestoration)
            await backplane.WaitBeforeRetryAsync(restoration);
    }

    private async Task CheckRedisAsync(ConnectionMultiplexer redis)
    {
        IServer[] primaries = [.. redis.GetServers().Where(static server => server is { IsConnected: true, IsReplica: false })];
        foreach (var server in primaries)
        {
            if (durable.Any && await RedisSettings.IsPersistenceOffAsync(server))
            {
                Log.NothingKept(logger);
                break;
            }
        }
        foreach (var server in primaries)
        {
            if (RedisSettings.ParsePubSubBuffer(await RedisSettings.ReadAsync(server, "client-output-buffer-limit")) is not { } buffer)
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
        [LoggerMessage(9, LogLevel.Warning, "This process may have {Files} files open, too few for Limits:Connections={Connections}: "
            + "raise the limit to {Needed} (systemd: LimitNOFILE={Needed}; Docker: --ulimit nofile={Needed}), or lower Limits:Connections.")]
        public static partial void FewFiles(ILogger logger, long files, int connections, long needed);

        [LoggerMessage(10, LogLevel.Warning, "The embedded Redis serves this process only, and loses all data when the process ends: no other node receives what is "
            + "published there. Set Redis:Configuration to a separate Redis.")]
        public static partial void Embedded(ILogger logger);

        [LoggerMessage(11, LogLevel.Warning, "Durable history is on (History:Durable:Channels), but Redis writes nothing to disk: a restart of Redis loses the whole "
            + "history. Run on Redis: CONFIG SET appendonly yes (and set appendonly yes in redis.conf).")]
        public static partial void NothingKept(ILogger logger);

        [LoggerMessage(12, LogLevel.Warning, "Redis disconnects this node when {Hard} bytes wait for it, or {Soft} bytes for longer than its soft limit allows (0: no "
            + "limit); a few payloads as large as Limits:PayloadBytes reach that. Run on Redis: CONFIG SET client-output-buffer-limit \"pubsub {NeededHard} {NeededSoft} 60\" (and set it in redis.conf).")]
        public static partial void SmallBuffer(ILogger logger, long hard, long soft, long neededHard, long neededSoft);

        [LoggerMessage(13, LogLevel.Debug, "The configuration of Redis was checked.")]
        public static partial void Checked(ILogger logger);

        [LoggerMessage(14, LogLevel.Debug, "The configuration of Redis could not be checked: {Error}")]
        public static partial void NotChecked(ILogger logger, string error);

        [LoggerMessage(15, LogLevel.Warning, "Requests come through a proxy (they have X-Forwarded-For), but no proxy is configured: all clients seem to have its address. "
            + "Set ForwardedHeaders:KnownProxies or ForwardedHeaders:KnownNetworks; see docs/proxies.md.")]
        public static partial void UnknownProxy(ILogger logger);

        [LoggerMessage(17, LogLevel.Warning, "The kernel's queues of new connections are short (net.core.somaxconn={Accept}, net.ipv4.tcp_max_syn_backlog={Handshakes}): when "
            + "all clients reconnect after a restart, some wait for seconds. Run: sysctl -w net.core.somaxconn={Enough} net.ipv4.tcp_max_syn_backlog={Enough}")]
        public static partial void ShortQueues(ILogger logger, int accept, int handshakes, int enough);
    }
}
