using System.Net;
using StackExchange.Redis;

namespace Notifier.Redis.Topology;

/// <summary>
/// On a Cluster each server hears every PUBLISH, so a node listens to one of them, with all its names, on a connection that knows of no other. The library
/// would take its servers in turn, and when it looks again while it waits for one's answer (another has just been connected, or was lost), it asks a
/// second: then each message of that name comes twice, for good, which was seen in one start of three.
/// </summary>
internal sealed partial class ClusterSubscriber(RedisBackplane backplane, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan CheckEvery = TimeSpan.FromSeconds(1);

    private bool isReported;

    public static bool IsCluster(ConnectionMultiplexer redis) => redis.GetServers().Any(static server => server.ServerType == ServerType.Cluster);

    /// <param name="options">Of the Cluster.</param>
    /// <param name="cluster">Knows which servers there are.</param>
    /// <param name="lost">The server that is given up; it is taken when there is no other.</param>
    /// <exception cref="RedisConnectionException">None can be reached.</exception>
    public async Task<ConnectionMultiplexer> ConnectAsync(ConfigurationOptions options, ConnectionMultiplexer cluster, EndPoint? lost)
    {
        var servers = cluster.GetServers().Where(static server => server.IsConnected).ToArray();
        // Nodes of Notifier, and their load, spread over the servers. (A replica hears all, too.)
        Random.Shared.Shuffle(servers);
        foreach (var server in servers.OrderBy(server => server.EndPoint.Equals(lost)).ThenBy(static server => server.IsReplica))
        {
            var connection = await backplane.ConnectAsync(SingleServerOptions.For(options, server.EndPoint));
            if (connection.IsConnected)
                return connection;
            await connection.EndAsync();
        }
        throw new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, "No server of the Cluster can be reached.");
    }

    /// <summary>
    /// Begins as soon as it is known that this is a Cluster, and moves on when the server that is listened to was away at two looks: the library does not tell of
    /// every loss. Ends at once where it is none.
    /// </summary>
    public async Task WatchAsync()
    {
        var missed = 0;
        while (!backplane.Stopping.IsCancellationRequested)
        {
            try
            {
                if (backplane.Connected is { } redis && !IsCluster(redis))
                    return;
                if (backplane.Current is { } listens)
                {
                    var isAway = listens != backplane.Commands && !listens.GetSubscriber().IsConnected();
                    missed = isAway ? missed + 1 : 0;
                    if (!backplane.IsListening || missed > 1)
                        await TryReplaceAsync(listens);
                }
            }
            catch (ObjectDisposedException)
            {
                // It was replaced while it was looked at.
            }
            catch (Exception error)
            {
                // A mistake of ours must not end this: the node would be deaf from the next loss on.
                Log.Failed(logger, error);
            }
            await Task.Delay(CheckEvery, time, backplane.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Puts a connection that listens to one server in place of another.</summary>
    /// <returns>False when none can be reached, or the process ends.</returns>
    public async Task<bool> TryReplaceAsync(ConnectionMultiplexer instead)
    {
        try
        {
            await backplane.ReplaceAsync(instead, wasDeaf: false);
            isReported = false;
            return true;
        }
        catch (Exception error)
        {
            backplane.Health.ReportAway(backplane.Location!.Description);
            // Unless Redis has said itself what is wrong.
            if (!backplane.Stopping.IsCancellationRequested && !backplane.Health.IsRefused && !isReported)
            {
                isReported = true;
                Log.NotListening(logger, error.Message);
            }
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "No server of the Redis Cluster can be listened to; trying until one can: {Error}")]
        public static partial void NotListening(ILogger logger, string error);

        [LoggerMessage(LogLevel.Error, "The servers of the Redis Cluster could not be looked at; trying again.")]
        public static partial void Failed(ILogger logger, Exception error);
    }
}
