using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Notifier.Redis.Topology;

/// <summary>
/// Redis behind Sentinels: a node is connected to the server that the Sentinels call the primary, and to no other. The library would trust each server's own
/// claim. But a former primary that was down, or hung, still claims that role for about 10 s after its return, and messages that it accepts then are lost. The
/// library also blocks threads of the pool while it waits for Sentinels, so that on two cores nothing else runs for seconds.
/// </summary>
internal sealed partial class SentinelTopology(TopologyContext context) : IRedisTopology
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromMilliseconds(500);

    /// <summary>How long to wait for the other Sentinels once one has answered: another may hang, like a primary on the same machine.</summary>
    private static readonly TimeSpan OtherSentinelsTimeout = TimeSpan.FromMilliseconds(500);

    private readonly ConnectionPair connections = context.Connections;
    private readonly ConfigurationOptions options = context.Location.Options;
    private ConnectionMultiplexer? sentinels;
    private RedisServerException? refusal;

    /// <summary>The epoch of the latest failover that this node knows.</summary>
    private long latestEpoch;

    public bool HasSeparateSubscriptionConnection => false;

    public bool HasSubscriptionConnection => connections.SubscriptionConnection is not null;

    public bool IsCluster => false;

    public ConfigurationOptions Options => connections.Commands is { } primary ? SingleServerOptions.At(options, primary.GetEndPoints()[0]) : options;

    /// <summary>Connects to the primary, whether or not it answers; to the last known one when no Sentinel answers.</summary>
    /// <exception cref="RedisConnectionException">No Sentinel answers, and none ever did.</exception>
    /// <exception cref="RedisServerException">The Sentinels do not know the service.</exception>
    public async Task<ConnectionMultiplexer> OpenAsync(ConnectionMultiplexer? replaced)
    {
        EndPoint primary;
        try
        {
            primary = await FindAsync();
        }
        catch (RedisConnectionException) when (connections.SubscriptionConnection is not null)
        {
            // A deaf connection is replaced even if no Sentinel answers.
            primary = connections.SubscriptionConnection.GetEndPoints()[0];
        }
        return await context.ConnectAsync(SingleServerOptions.For(options, primary));
    }

    /// <summary>Moves to another primary as soon as a Sentinel reports one. While no Sentinel answers, the node stays where it is.</summary>
    public async Task WatchAsync()
    {
        var isPrimaryUnknown = false;
        while (!context.Stopping.IsCancellationRequested)
        {
            await Task.Delay(CheckInterval, context.Time, context.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                var primary = await FindAsync();
                if (isPrimaryUnknown)
                    Log.AnswerAgain(context.Logger);
                isPrimaryUnknown = false;
                if (connections.SubscriptionConnection is not { } current || current.GetEndPoints().Contains(primary))
                    continue;
                Log.Moves(context.Logger);
                await context.ReplaceAsync(current);
            }
            catch (Exception error)
            {
                // Whatever it is, the watch must go on: after the next failover, the node would stay with the former primary.
                if (!isPrimaryUnknown && !context.Stopping.IsCancellationRequested)
                    Log.PrimaryUnknown(context.Logger, error.Message);
                isPrimaryUnknown = true;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (sentinels is not null)
            await sentinels.EndAsync();
    }

    /// <summary>Asks all Sentinels, and uses the answer with the latest failover: another may not know it yet, or may have lost it.</summary>
    private async Task<EndPoint> FindAsync()
    {
        sentinels ??= await ConnectionMultiplexer.SentinelConnectAsync(options.Clone());
        refusal = null;
        var answers = sentinels.GetServers().Where(static server => server.IsConnected).Select(AskAsync).ToArray();
        var all = Task.WhenAll(answers);
        await Task.WhenAny(all, Task.Delay(OtherSentinelsTimeout, context.Time, context.Stopping));
        var (epoch, primary) = Latest();
        if (primary is null || epoch < latestEpoch)
        {
            await all;
            (epoch, primary) = Latest();
        }
        if (primary is null)
            throw (Exception?)refusal ?? new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, "No Sentinel answers.");
        // Either all Sentinels were reset, or those that know the latest failover cannot be reached.
        if (epoch < latestEpoch && answers.Any(static one => one.Result.Primary is null))
            throw new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, "No Sentinel that knows the latest failover answers.");
        latestEpoch = epoch;
        return primary;

        (long Epoch, EndPoint? Primary) Latest() => answers.Where(static one => one.IsCompletedSuccessfully).Select(static one => one.Result)
            .Where(static answer => answer.Primary is not null).OrderBy(static answer => answer.Epoch).LastOrDefault();
    }

    private async Task<(long Epoch, EndPoint? Primary)> AskAsync(IServer sentinel)
    {
        try
        {
            var reply = (await sentinel.SentinelMasterAsync(options.ServiceName!)).ToDictionary();
            // The epoch first, and the address by a command of its own: the Sentinel that leads a failover reports, with the new epoch, the old address in
            // its first reply until all replicas follow the new primary.
            return (
                long.Parse(reply["config-epoch"], CultureInfo.InvariantCulture),
                await sentinel.SentinelGetMasterAddressByNameAsync(options.ServiceName!));
        }
        catch (RedisServerException error)
        {
            refusal = error;
            return (0, null);
        }
        catch (Exception)
        {
            return (0, null);   // the server is away, or hangs, or is not a Sentinel
        }
    }

    private static partial class Log
    {
        [LoggerMessage(22, LogLevel.Warning, "The Sentinels have another primary: this node moves to it.")]
        public static partial void Moves(ILogger logger);

        [LoggerMessage(23, LogLevel.Warning, "Notifier cannot find out whether Redis has another primary; this node stays with the current one: {Error}")]
        public static partial void PrimaryUnknown(ILogger logger, string error);

        [LoggerMessage(24, LogLevel.Information, "The Sentinels answer again.")]
        public static partial void AnswerAgain(ILogger logger);
    }
}
