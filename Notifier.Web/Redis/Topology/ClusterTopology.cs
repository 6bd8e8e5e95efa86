using StackExchange.Redis;

namespace Notifier.Redis.Topology;

/// <summary>
/// A Redis Cluster. Each of its servers delivers every PUBLISH, so a node subscribes all its names on one of them, over a connection that knows no other.
/// With all servers on one connection, the library spreads the names over them. If it checks its connections while it waits for one server's answer
/// (another was just connected, or was lost), it asks a second server for the same name. From then on each message of that name arrives
/// twice, which happened in one start of three.
/// </summary>
internal sealed partial class ClusterTopology(TopologyContext context) : IRedisTopology
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);

    private readonly ConnectionPair connections = context.Connections;
    private bool isReported;

    public bool HasSeparateSubscriptionConnection => true;

    public bool HasSubscriptionConnection => connections.SubscriptionConnection is { } current && current != connections.Commands;

    public bool IsCluster => true;

    public ConfigurationOptions Options => context.Location.Options;

    public static bool Has(ConnectionMultiplexer redis) => redis.GetServers().Any(static server => server.ServerType == ServerType.Cluster);

    /// <summary>Connects to one of the servers; to the one that was lost only if there is no other. The first connection knows all servers.</summary>
    /// <exception cref="RedisConnectionException">No server can be reached.</exception>
    public async Task<ConnectionMultiplexer> OpenAsync(ConnectionMultiplexer? replaced)
    {
        if (replaced is null)
            return await context.ConnectAsync(context.Location.Options);     // for commands, which may go to any server
        var all = connections.Commands!;
        var lost = replaced == all ? null : replaced.GetEndPoints().FirstOrDefault();
        var servers = all.GetServers().Where(static server => server.IsConnected).ToArray();
        // Spreads several nodes of Notifier over the servers. (A replica delivers all messages, too.)
        Random.Shared.Shuffle(servers);
        foreach (var server in servers.OrderBy(server => server.EndPoint.Equals(lost)).ThenBy(static server => server.IsReplica))
        {
            var connection = await context.ConnectAsync(SingleServerOptions.For(context.Location.Options, server.EndPoint));
            if (connection.IsConnected)
                return connection;
            await connection.EndAsync();
        }
        throw new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, "No server of the Cluster can be reached.");
    }

    public Task BeginAsync(ConnectionMultiplexer first) => TryReplaceAsync(first);

    /// <summary>Moves to another server when the current one was away in two checks: the library does not report every loss.</summary>
    public async Task WatchAsync()
    {
        var missed = 0;
        while (!context.Stopping.IsCancellationRequested)
        {
            try
            {
                if (connections.SubscriptionConnection is { } current)
                {
                    var isAway = current != connections.Commands && !current.GetSubscriber().IsConnected();
                    missed = isAway ? missed + 1 : 0;
                    if (!HasSubscriptionConnection || missed > 1)
                        await TryReplaceAsync(current);
                }
            }
            catch (ObjectDisposedException)
            {
                // The connection was replaced during the check.
            }
            catch (Exception error)
            {
                // A bug in Notifier must not end the watch: after the next loss, the node would receive nothing.
                Log.Failed(context.Logger, error);
            }
            await Task.Delay(CheckInterval, context.Time, context.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task TryReplaceAsync(ConnectionMultiplexer replaced)
    {
        try
        {
            await context.ReplaceAsync(replaced);
            isReported = false;
        }
        catch (Exception error)
        {
            // Opening a connection fails in many ways (Redis, sockets, TLS). The next check tries again.
            context.Health.ReportAway(context.Location.Description);
            // If Redis has said what is wrong, that is logged already.
            if (!context.Stopping.IsCancellationRequested && !context.Health.AnswersWithErrors && !isReported)
            {
                isReported = true;
                Log.NotListening(context.Logger, error.Message);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(20, LogLevel.Error, "Notifier cannot listen to any server of the Redis Cluster; it keeps trying: {Error}")]
        public static partial void NotListening(ILogger logger, string error);

        [LoggerMessage(21, LogLevel.Error, "Checking the servers of the Redis Cluster failed; Notifier tries again.")]
        public static partial void Failed(ILogger logger, Exception error);
    }
}
