using Notifier.Redis;
using StackExchange.Redis;

namespace Notifier.History.Durable;

/// <summary>
/// Nodes of an earlier version do not understand lines with a MAC: they would show them to visitors. So a journal that such a node has created keeps the
/// earlier lines until no such node was connected for a while. A node shows its version by the channel of its probe. One caller at a time.
/// </summary>
internal sealed partial class JournalUpgrade(Journal journal, RedisBackplane backplane, RedisProbe probe, TimeProvider time, ILogger logger)
{
    /// <summary>
    /// How long no node of an earlier version may have been connected: as long as an idempotency key is valid, so that the keys stored by such a node have
    /// expired. It also leaves a node that has just lost its connection time to return.
    /// </summary>
    private static readonly TimeSpan Quiet = KeyScope.Window;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(20);

    private long? checkedAt;
    private long? quietSince;
    private string? reported;

    /// <summary>To be called about once a second while the journal has earlier lines.</summary>
    /// <exception cref="RedisException">Redis is away.</exception>
    public async Task CheckAsync()
    {
        // This node has just started, and Redis may not show its own probe yet.
        if (probe.Result == ProbeResult.Unknown || (checkedAt is { } before && time.GetElapsedTime(before) < Interval))
            return;
        checkedAt = time.GetTimestamp();
        var since = quietSince ?? checkedAt.Value;
        quietSince = null;
        if (await FindObstacleAsync() is { } obstacle)
        {
            if (reported != obstacle)
                Log.Waits(logger, obstacle);
            reported = obstacle;
            return;
        }
        quietSince = since;
        if (time.GetElapsedTime(since) < Quiet)
            return;
        await journal.SignLinesAsync();
        Log.Signed(logger);
    }

    /// <summary>Whether a node of an earlier version is certainly connected.</summary>
    public async Task<bool> SeesEarlierNodesAsync()
    {
        try
        {
            return !(await NodesAsync()).All(RedisProbe.IsOfThisVersion);
        }
        catch (RedisServerException)
        {
            return false;       // not allowed
        }
    }

    /// <returns>Why the lines cannot change yet; null if no node of an earlier version is connected.</returns>
    private async Task<string?> FindObstacleAsync()
    {
        HashSet<string> nodes;
        try
        {
            nodes = await NodesAsync();
        }
        catch (RedisServerException error)
        {
            return $"Redis does not tell which nodes are connected: {error.Message}";
        }
        if (!nodes.Contains(probe.Channel))
            return "Redis does not show this node's own probe, so it may not show those of other nodes";
        return nodes.All(RedisProbe.IsOfThisVersion) ? null : "nodes of an earlier version are connected";
    }

    /// <summary>The channels of all probes.</summary>
    private async Task<HashSet<string>> NodesAsync()
    {
        var nodes = new HashSet<string>();
        foreach (var server in backplane.ConnectedCommands?.GetServers().Where(static server => server.IsConnected) ?? [])
            nodes.UnionWith((await server.SubscriptionChannelsAsync(RedisProbe.AllNodes)).Select(static channel => channel.ToString()));
        return nodes;
    }

    private static partial class Log
    {
        [LoggerMessage(4, LogLevel.Warning, "An earlier version of Notifier has created the journal, so notifier.lua publishes lines that earlier nodes understand, and this node reads each "
            + "durable message from Redis. That ends by itself once no earlier node was connected for ten minutes. Not yet, because {Obstacle}. Or, when no such node runs any "
            + "more, run on Redis: HSET {{notifier}}:journal lines 2")]
        public static partial void Waits(ILogger logger, string obstacle);

        [LoggerMessage(5, LogLevel.Information, "No node of an earlier version is connected: notifier.lua publishes lines with a MAC from now on. Do not start such a node on this Redis again "
            + "(or run before: HSET {{notifier}}:journal lines 1).")]
        public static partial void Signed(ILogger logger);
    }
}
