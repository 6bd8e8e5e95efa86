using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using Notifier.Messages;
using Notifier.Redis.Receiver;
using Notifier.Redis.Topology;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// The one shared connection to Redis. It never keeps the process from starting: it heals by itself when Redis comes, or
/// comes back, and says so. Where the library does not heal, a new connection takes the place of the old one. On a Cluster there are two: one for
/// commands, which knows all servers, and one that listens to one of them (<see cref="ClusterSubscriber"/>). Behind Sentinels it is one to the primary
/// (<see cref="SentinelWatcher"/>).
/// </summary>
internal sealed partial class RedisBackplane : IHostedService, IAsyncDisposable
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SettledAfter = TimeSpan.FromSeconds(1);

    private readonly RedisLocator locator;
    private readonly SubscribedNames names;
    private readonly RedisNames prefix;
    private readonly DeliveryHelpers helpers;
    private readonly RedisMetrics metrics;
    private readonly TimeProvider time;
    private readonly ILogger<RedisBackplane> logger;
    private readonly TaskCompletionSource connecting = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource stopping = new();
    private volatile TaskCompletionSource restored = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ClusterSubscriber cluster;
    private readonly SemaphoreSlim replacing = new(1);
    private readonly RedisTransport transport;

    /// <summary>By which each connection's messages are taken off it.</summary>
    private readonly ConditionalWeakTable<ConnectionMultiplexer, ReceiverTunnel> tunnels = [];
    private SentinelWatcher? sentinels;
    private ConnectionMultiplexer? current;
    private ConnectionMultiplexer? commands;
    private long restoredAt;

    public RedisBackplane(
        RedisLocator locator, SubscribedNames names, RedisNames prefix, DeliveryHelpers helpers, IOptions<RedisOptions> options, RedisMetrics metrics, TimeProvider time,
        ILogger<RedisBackplane> logger)
    {
        this.locator = locator;
        this.names = names;
        this.prefix = prefix;
        this.helpers = helpers;
        transport = options.Value.Transport;
        this.metrics = metrics;
        this.time = time;
        this.logger = logger;
        Health = new RedisHealth(logger, stopping.Token);
        cluster = new ClusterSubscriber(this, time, logger);
    }

    /// <summary>
    /// The subscription connection was lost and is back, with all that the library held on it subscribed again. What was
    /// published meanwhile is gone.
    /// </summary>
    public event Action? Restored;

    /// <summary>Which Redis this is. Known once the host has started it.</summary>
    public RedisLocation? Location { get; private set; }

    /// <summary>Cancelled when the process ends.</summary>
    public CancellationToken Stopping => stopping.Token;

    /// <summary>The subscriber, once the first attempt to connect has ended, whether or not Redis was there.</summary>
    public async Task<ISubscriber> SubscriberAsync()
    {
        await connecting.Task.WaitAsync(Stopping);
        return Current!.GetSubscriber();
    }

    /// <summary>The connection that listens; null until the first attempt to connect has ended.</summary>
    public ConnectionMultiplexer? Current => Volatile.Read(ref current);

    /// <summary>The connection for commands; on a Cluster another one than that which listens.</summary>
    public ConnectionMultiplexer? Commands => Volatile.Read(ref commands);

    /// <summary>The same; null while Redis is away.</summary>
    public ConnectionMultiplexer? Connected => Commands is { IsConnected: true } multiplexer ? multiplexer : null;

    /// <summary>How to connect to it once more. Behind Sentinels, to that which is the primary now.</summary>
    public ConfigurationOptions Options => sentinels is not null && Commands is { } primary ? SingleServerOptions.At(Location!.Options, primary.GetEndPoints()[0]) : Location!.Options;

    /// <summary>False as long as Redis is known to be a Cluster, and not yet which of its servers to listen to.</summary>
    public bool IsListening => Current is { } listens && (listens != Commands || !ClusterSubscriber.IsCluster(listens));

    /// <summary>Whether it serves.</summary>
    public RedisHealth Health { get; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Location = await locator.LocateAsync(cancellationToken);
        Location.Options.ConnectionAttemptCompleted += (_, attempt) => Health.Report(attempt);
        if (Location.Options.ServiceName is not null)
            sentinels = new SentinelWatcher(this, Location.Options, time, logger);
        _ = ConnectAsync();
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// The next time that the subscription connection comes back. To be taken before something is tried, so that it is not missed
    /// between that and <see cref="WaitBeforeRetryAsync"/>.
    /// </summary>
    public Task NextRestoration => restored.Task;

    /// <summary>Waits until the connection was restored, or a second has passed: then it is worth trying again.</summary>
    public async Task WaitBeforeRetryAsync(Task restoration)
    {
        await Task.WhenAny(restoration, Task.Delay(RetryAfter, time, Stopping));
        Stopping.ThrowIfCancellationRequested();
    }

    /// <summary>
    /// False while Redis is away, and for a second after its return: the library asks for each name again more than once, from
    /// several threads, and a name that was unsubscribed meanwhile would be subscribed once more, for ever.
    /// </summary>
    public bool IsSettled => !Health.IsAway && time.GetElapsedTime(Volatile.Read(ref restoredAt)) >= SettledAfter;

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        var (listens, talks) = (Interlocked.Exchange(ref current, null), Interlocked.Exchange(ref commands, null));
        if (listens is not null)
            await listens.EndAsync();
        if (talks is not null && talks != listens)
            await talks.EndAsync();
        if (sentinels is not null)
            await sentinels.DisposeAsync();
    }

    /// <summary>
    /// Puts a new connection in place of one that listens and has gone deaf, or whose server of a Cluster is gone: all names are subscribed anew on it, and each
    /// has a gap in its log. Nothing happens when that has been done already.
    /// </summary>
    /// <param name="deaf">The connection that listened so far.</param>
    /// <param name="wasDeaf">Whether it looked well; for those who count.</param>
    public async Task ReplaceAsync(ConnectionMultiplexer deaf, bool wasDeaf)
    {
        await replacing.WaitAsync(Stopping);
        try
        {
            if (deaf != Current)
                return;
            var all = Commands!;
            var isCluster = ClusterSubscriber.IsCluster(all);
            var fresh = isCluster
                ? await cluster.ConnectAsync(Location!.Options, all, deaf == all ? null : deaf.GetEndPoints().FirstOrDefault())
                : await OpenAsync();
            var connection = new RedisConnection(this, fresh, time);
            var answers = await connection.TryPingAsync();
            if (isCluster && !answers)
            {
                await fresh.EndAsync();
                throw new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, "A server does not answer.");
            }
            OnRestoring();
            // What both deliver must not come twice, and before the new one has any name the gap has its place.
            if (tunnels.TryGetValue(deaf, out var tunnel))
                tunnel.End();
            if (!isCluster)
                Volatile.Write(ref commands, fresh);
            Volatile.Write(ref current, fresh);
            if (answers)
                Health.ReportBack();
            else
                _ = connection.AwaitAnswerAsync();      // what the library told of it while it was not in use is not told again
            if (deaf != Commands)
                CloseInBackground(deaf);
            if (Stopping.IsCancellationRequested)
                await fresh.EndAsync();
        }
        finally
        {
            replacing.Release();
        }
        OnRestored(isReconnect: connecting.Task.IsCompleted, wasDeaf);
    }

    /// <summary>Called by the connection that listens: it was lost.</summary>
    public void OnConnectionLost(ConnectionMultiplexer lost)
    {
        Health.ReportAway(Location!.Description);
        // Another one has taken its place meanwhile.
        if (lost != Current)
            Health.ReportBack();
    }

    /// <summary>Called before all names are asked for again.</summary>
    public void OnRestoring() => Volatile.Write(ref restoredAt, time.GetTimestamp());

    /// <summary>Called by the connection that listens, when Redis answers.</summary>
    /// <param name="hasNames">Whether this is of the part of the connection that has the names.</param>
    /// <param name="wasLost">Whether it was there before: the library tells of the first time too.</param>
    public void OnAnswered(bool hasNames, bool wasLost)
    {
        if (!IsListening)
            return;     // Redis was away when this process started, and nobody knew that it is a Cluster
        Health.ReportBack();
        if (hasNames)
            OnRestored(isReconnect: wasLost, wasDeaf: false);
    }

    private void OnRestored(bool isReconnect, bool wasDeaf)
    {
        Interlocked.Exchange(ref restored, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        if (!isReconnect)
            return;
        metrics.OnReconnected(wasDeaf);
        Restored?.Invoke();
    }

    /// <summary>It may be waiting for a Redis that hangs; nobody waits for it. What it still delivers, nobody listens to any more.</summary>
    private static void CloseInBackground(ConnectionMultiplexer deaf) => deaf.CloseAsync(allowCommandsToComplete: false).ContinueWith(
        static (_, old) => ((ConnectionMultiplexer)old!).Dispose(), deaf, CancellationToken.None,
        TaskContinuationOptions.None, TaskScheduler.Default);

    private Task<ConnectionMultiplexer> OpenAsync() => sentinels?.ConnectAsync() ?? ConnectAsync(Location!.Options);

    /// <summary>Connects, and reads messages before the library does.</summary>
    public async Task<ConnectionMultiplexer> ConnectAsync(ConfigurationOptions options)
    {
        var tunnel = new ReceiverTunnel(options, transport, (connection, source) => new(names, prefix, helpers, connection, source, time, logger));
        var multiplexer = await ConnectionMultiplexer.ConnectAsync(tunnel.Options());
        tunnels.Add(multiplexer, tunnel);
        return multiplexer;
    }

    private async Task ConnectAsync()
    {
        while (!Stopping.IsCancellationRequested)
        {
            try
            {
                await BeginAsync(await OpenAsync());
                return;
            }
            catch (RedisConnectionException)
            {
                Health.ReportAway(Location!.Description);
            }
            catch (Exception error)
            {
                // The library says that it heals by itself (abortConnect=false). If not, nobody may stay deaf for ever.
                Health.ReportUnusable(error);
            }
            await Task.Delay(RetryAfter, time, Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task BeginAsync(ConnectionMultiplexer multiplexer)
    {
        var connection = new RedisConnection(this, multiplexer, time);
        Volatile.Write(ref commands, multiplexer);
        Volatile.Write(ref current, multiplexer);
        if (multiplexer.IsConnected)
            Log.Connected(logger, Location!.Description);
        else
            Health.ReportAway(Location!.Description);
        var answers = await connection.TryPingAsync();
        if (ClusterSubscriber.IsCluster(multiplexer))
            await cluster.TryReplaceAsync(multiplexer);
        else if (!answers && multiplexer.IsConnected && Health.IsRefused)
        {
            Health.ReportAway(Location!.Description);
            _ = connection.AwaitAnswerAsync();
        }
        else if (answers)
            Health.ReportBack();     // the Sentinels may have been away
        connecting.SetResult();
        _ = sentinels?.WatchAsync() ?? cluster.WatchAsync();
        if (Stopping.IsCancellationRequested)
            await multiplexer.EndAsync();
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "Connected to Redis ({Redis}).")]
        public static partial void Connected(ILogger logger, string redis);
    }
}
