using System.Net;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// On a Cluster each server hears every PUBLISH, so a node listens to one of them, with all its names. The library would take its servers in turn,
/// and when it looks again while it waits for one's answer (another has just been connected, or was lost), it asks a second: then each message
/// of that name comes twice, for good, which was seen in one start of three. This connection knows of one server only.
/// </summary>
internal sealed class ClusterListening(RedisBackplane backplane, TimeProvider time)
{
    /// <summary>How long a server that is lost has to come back until another one is listened to.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>By which the library learns of other servers, and of the role of this one, which does not matter here: a replica hears all, too.</summary>
    private const string NotAsked = ",$CLUSTER=,$INFO=,$ROLE=,$CONFIG=,$GET=,$SET=";

    private int isFailingOver;

    public static bool IsCluster(ConnectionMultiplexer redis) => redis.GetServers().Any(static server => server.ServerType == ServerType.Cluster);

    /// <param name="options">Of the Cluster.</param>
    /// <param name="cluster">Knows which servers there are.</param>
    /// <param name="lost">The server that is given up; it is not taken.</param>
    /// <exception cref="RedisConnectionException">None can be reached.</exception>
    public static async Task<ConnectionMultiplexer> ConnectAsync(ConfigurationOptions options, ConnectionMultiplexer cluster, EndPoint? lost)
    {
        var servers = cluster.GetServers().Where(server => server.IsConnected && !server.EndPoint.Equals(lost)).ToArray();
        // Nodes of Notifier, and their load, spread over the servers.
        Random.Shared.Shuffle(servers);
        foreach (var server in servers.OrderBy(static server => server.IsReplica))
        {
            var alone = options.Clone();
            alone.EndPoints.Clear();
            alone.EndPoints.Add(server.EndPoint);
            alone.CommandMap = ConfigurationOptions.Parse(options.ToString(includePassword: false) + NotAsked).CommandMap;
            var connection = await ConnectionMultiplexer.ConnectAsync(alone);
            if (connection.IsConnected)
                return connection;
            await connection.DisposeAsync();
        }
        throw new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, "No server of the Cluster can be reached.");
    }

    /// <summary>The server that is listened to does not answer. Told of it again, while it goes on, this does nothing.</summary>
    public async Task FailOverAsync(ConnectionMultiplexer lost)
    {
        if (Interlocked.Exchange(ref isFailingOver, 1) == 1)
            return;
        do
            await Task.Delay(Patience, time, backplane.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (!backplane.Stopping.IsCancellationRequested && !lost.GetSubscriber().IsConnected() && !await TryBeginAsync(lost));
        Volatile.Write(ref isFailingOver, 0);
    }

    /// <summary>Puts a connection that listens to one server in place of another.</summary>
    /// <returns>False when none can be reached, or the process ends.</returns>
    public async Task<bool> TryBeginAsync(ConnectionMultiplexer instead)
    {
        try
        {
            await backplane.ReplaceAsync(instead, wasDeaf: false);
            return true;
        }
        catch (Exception error) when (error is RedisException or TimeoutException or OperationCanceledException or ObjectDisposedException)
        {
            return false;
        }
    }
}
