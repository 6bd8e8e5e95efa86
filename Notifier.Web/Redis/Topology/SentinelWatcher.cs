using System.Globalization;
using System.Net;
using StackExchange.Redis;

namespace Notifier.Redis.Topology;

/// <summary>
/// Behind Sentinels a node is connected to the server that they call the primary, and to no other. The library would believe each server about that: one that
/// was down, or hung, takes itself for the primary for some 10 s when it is back, and what it is given then is thrown away. It also waits for the Sentinels in
/// threads of the pool, which on two cores let nothing else run for seconds.
/// </summary>
internal sealed partial class SentinelWatcher(RedisBackplane backplane, ConfigurationOptions options, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan CheckEvery = TimeSpan.FromMilliseconds(500);

    /// <summary>Where one has answered, no other is waited for longer: it may hang, like a primary on the same machine.</summary>
    private static readonly TimeSpan OthersWithin = TimeSpan.FromMilliseconds(500);

    private ConnectionMultiplexer? sentinels;
    private RedisServerException? refusal;

    /// <summary>The number of the fail-over that was followed last.</summary>
    private long followed;

    /// <returns>A connection to the primary, whether or not it answers; to the one that was known last, when no Sentinel answers.</returns>
    /// <exception cref="RedisConnectionException">No Sentinel answers, and none ever did.</exception>
    /// <exception cref="RedisServerException">They do not know the service.</exception>
    public async Task<ConnectionMultiplexer> ConnectAsync()
    {
        EndPoint primary;
        try
        {
            primary = await FindAsync();
        }
        catch (RedisConnectionException) when (backplane.Current is not null)
        {
            // A connection that has gone deaf is replaced all the same.
            primary = backplane.Current.GetEndPoints()[0];
        }
        return await backplane.ConnectAsync(SingleServerOptions.For(options, primary));
    }

    /// <summary>Moves to another primary as soon as a Sentinel tells of one. While none answers, what is used goes on.</summary>
    public async Task WatchAsync()
    {
        var isBlind = false;
        while (!backplane.Stopping.IsCancellationRequested)
        {
            await Task.Delay(CheckEvery, time, backplane.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                var primary = await FindAsync();
                if (isBlind)
                    Log.Sees(logger);
                isBlind = false;
                if (backplane.Current is not { } present || present.GetEndPoints().Contains(primary))
                    continue;
                Log.Moves(logger);
                await backplane.ReplaceAsync(present, wasDeaf: false);
            }
            catch (Exception error)
            {
                if (!isBlind && !backplane.Stopping.IsCancellationRequested)
                    Log.Blind(logger, error.Message);
                isBlind = true;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (sentinels is not null)
            await sentinels.EndAsync();
    }

    /// <summary>As the Sentinel says that has heard of the latest fail-over: another may not know of it yet, or not any more.</summary>
    private async Task<EndPoint> FindAsync()
    {
        sentinels ??= await ConnectionMultiplexer.SentinelConnectAsync(options.Clone());
        refusal = null;
        var asked = sentinels.GetServers().Where(static server => server.IsConnected).Select(AskAsync).ToArray();
        var all = Task.WhenAll(asked);
        await Task.WhenAny(all, Task.Delay(OthersWithin, time, backplane.Stopping));
        var (epoch, primary) = Latest();
        if (primary is null || epoch < followed)
        {
            await all;
            (epoch, primary) = Latest();
        }
        if (primary is null)
            throw (Exception?)refusal ?? new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, "No Sentinel answers.");
        // All of them have been set up anew, or those who know better are cut off.
        if (epoch < followed && asked.Any(static one => one.Result.Primary is null))
            throw new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, "No Sentinel answers that knows of the latest fail-over.");
        followed = epoch;
        return primary;

        (long Epoch, EndPoint? Primary) Latest() => asked.Where(static one => one.IsCompletedSuccessfully).Select(static one => one.Result)
            .Where(static answer => answer.Primary is not null).OrderBy(static answer => answer.Epoch).LastOrDefault();
    }

    private async Task<(long Epoch, EndPoint? Primary)> AskAsync(IServer sentinel)
    {
        try
        {
            var said = (await sentinel.SentinelMasterAsync(options.ServiceName!)).ToDictionary();
            // In this order, and not the address of before: with a new epoch, the one that leads a fail-over says the old address there until all replicas follow.
            return (
                long.Parse(said["config-epoch"], CultureInfo.InvariantCulture),
                await sentinel.SentinelGetMasterAddressByNameAsync(options.ServiceName!));
        }
        catch (RedisServerException error)
        {
            refusal = error;
            return (0, null);
        }
        catch (Exception)
        {
            return (0, null);   // it is away, or hangs, or is no Sentinel
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The Sentinels have another primary: this node moves to it.")]
        public static partial void Moves(ILogger logger);

        [LoggerMessage(LogLevel.Warning, "Whether Redis has another primary is not known now; this node stays with the one that it has: {Error}")]
        public static partial void Blind(ILogger logger, string error);

        [LoggerMessage(LogLevel.Information, "The Sentinels answer again.")]
        public static partial void Sees(ILogger logger);
    }
}
