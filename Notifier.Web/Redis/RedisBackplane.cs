using Microsoft.Extensions.Options;
using Notifier.Messages;
using Notifier.Redis.Receiver;
using Notifier.Redis.Topology;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// The shared connection to Redis. A Redis that does not answer never prevents the process from starting: Notifier connects later, and logs that. Where the
/// library does not reconnect by itself, a new connection replaces the old one. How the connections are opened and watched depends on the deployment of Redis
/// (<see cref="IRedisTopology"/>). Thread-safe.
/// </summary>
internal sealed partial class RedisBackplane : IHostedService, IAsyncDisposable, IConnectionObserver
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SettledAfter = TimeSpan.FromSeconds(1);

    private readonly RedisLocator locator;
    private readonly RedisConnector connector;
    private readonly RedisMetrics metrics;
    private readonly TimeProvider time;
    private readonly ILogger<RedisBackplane> logger;
    private readonly ConnectionPair connections = new();
    private readonly SemaphoreSlim replacing = new(1);
    private readonly TaskCompletionSource connecting = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource stopping = new();
    private volatile TaskCompletionSource restored = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private KnownTopology? topology;
    private long restoredAt;

    public RedisBackplane(
        RedisLocator locator, SubscribedNames names, RedisNames redisNames, DeliveryHelpers helpers, IOptions<RedisOptions> options, RedisMetrics metrics, TimeProvider time,
        ILogger<RedisBackplane> logger)
    {
        this.locator = locator;
        this.metrics = metrics;
        this.time = time;
        this.logger = logger;
        connector = new RedisConnector(names, redisNames, helpers, options.Value.Transport, time, logger);
        Health = new RedisHealth(logger, stopping.Token);
    }

    /// <summary>
    /// The subscription connection was lost and is back, and the library has subscribed all its names again. Messages that were published meanwhile are lost.
    /// </summary>
    public event Action? Restored;

    /// <summary>Which Redis this is. Known once the host has started this service.</summary>
    public RedisLocation? Location { get; private set; }

    /// <summary>Cancelled when the process ends.</summary>
    public CancellationToken Stopping => stopping.Token;

    /// <summary>The subscription connection, which receives messages; null until the first attempt to connect has ended.</summary>
    public ConnectionMultiplexer? SubscriptionConnection => connections.SubscriptionConnection;

    /// <summary>The connection for commands; null while Redis is away.</summary>
    public ConnectionMultiplexer? ConnectedCommands => connections.ConnectedCommands;

    /// <summary>The options for a further connection. Behind Sentinels these are of the current primary.</summary>
    public ConfigurationOptions Options => topology!.Current.Options;

    /// <summary>Whether there is a subscription connection. On a Cluster, false until one of its servers was selected for it.</summary>
    public bool HasSubscriptionConnection => topology is { Current.HasSubscriptionConnection: true };

    /// <summary>Whether Redis counts only the receivers of one of its servers.</summary>
    public bool IsCluster => topology is { Current.IsCluster: true };

    /// <summary>Whether Redis answers.</summary>
    public RedisHealth Health { get; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Location = await locator.LocateAsync(cancellationToken);
        Location.Options.ConnectionAttemptCompleted += (_, attempt) => Health.Report(attempt, Location.NameOf(attempt.EndPoint), Location.Setting);
        topology = new KnownTopology(new(
            Location, connections, connector.ConnectAsync, replaced => ReplaceAsync(replaced, wasDeaf: false), Health, time, logger, Stopping));
        _ = ConnectAsync();
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await connections.EndAsync();
        if (topology is not null)
            await topology.DisposeAsync();
    }

    /// <summary>The subscriber, once the first attempt to connect has ended, whether or not Redis was there.</summary>
    public async Task<ISubscriber> SubscriberAsync()
    {
        await connecting.Task.WaitAsync(Stopping);
        return SubscriptionConnection!.GetSubscriber();
    }

    /// <summary>
    /// Completes when the subscription connection is restored next. Read this before the attempt that precedes <see cref="WaitBeforeRetryAsync"/>, so that a
    /// restoration between the two is not missed.
    /// </summary>
    public Task NextRestoration => restored.Task;

    /// <summary>Waits until the connection is restored, for at most a second: then another attempt is worthwhile.</summary>
    public async Task WaitBeforeRetryAsync(Task restoration)
    {
        await Task.WhenAny(restoration, Task.Delay(RetryAfter, time, Stopping));
        Stopping.ThrowIfCancellationRequested();
    }

    /// <summary>
    /// False while Redis is unavailable, and for a second after Redis is back. In that second the library subscribes each name more than once, from several
    /// threads. If Notifier unsubscribed a name then, the library could subscribe the name again afterwards, and Redis would keep the subscription.
    /// </summary>
    public bool IsSettled => !Health.IsAway && time.GetElapsedTime(Volatile.Read(ref restoredAt)) >= SettledAfter;

    /// <summary>
    /// Replaces the subscription connection, because it no longer receives messages, or its server is lost. All names are subscribed on the new one, and
    /// each has a gap in its log. Does nothing if the connection was already replaced.
    /// </summary>
    /// <param name="replaced">The subscription connection until now.</param>
    /// <param name="wasDeaf">Whether the connection seemed healthy but received nothing; for the metrics.</param>
    public async Task ReplaceAsync(ConnectionMultiplexer replaced, bool wasDeaf)
    {
        await replacing.WaitAsync(Stopping);
        try
        {
            if (replaced != SubscriptionConnection)
                return;
            var known = topology!.Current;
            var fresh = await known.OpenAsync(replaced);
            var connection = Observe(fresh);
            var losses = Health.Losses;
            var answers = await connection.TryPingAsync();
            if (known.HasSeparateSubscriptionConnection && !answers)
            {
                await fresh.EndAsync();
                throw new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, "A server does not answer.");
            }
            OnRestoring();
            // Silence the old one before the new one has any name: no message arrives twice, and each gap precedes the new messages.
            connector.Silence(replaced);
            if (!known.HasSeparateSubscriptionConnection)
                connections.Commands = fresh;
            connections.SubscriptionConnection = fresh;
            if (!answers || !Health.TryReportBack(losses))
                _ = connection.AwaitAnswerAsync();      // the library does not repeat the events from before this connection was in use
            if (replaced != connections.Commands)
                RedisConnector.CloseInBackground(replaced);
            if (Stopping.IsCancellationRequested)
                await fresh.EndAsync();
        }
        finally
        {
            replacing.Release();
        }
        OnRestored(isReconnect: connecting.Task.IsCompleted, wasDeaf);
    }

    void IConnectionObserver.OnLost(ConnectionMultiplexer lost, ConnectionFailedEventArgs? failure)
    {
        if (failure is not null)
            Health.Note(RedisFailure.From(Location!.NameOf(failure.EndPoint), failure.FailureType, failure.Exception, ConnectionAttemptStage.Established));
        Health.ReportAway(Location!.Description);
        // Another connection has replaced this one meanwhile.
        if (lost != SubscriptionConnection)
            _ = RedisConnectionMonitor.TryReportBackAsync(SubscriptionConnection!, Health);
    }

    void IConnectionObserver.OnAnswered(bool isSubscription, bool wasLost, int knownLosses)
    {
        if (!HasSubscriptionConnection)
            return;     // Redis was away at start, so Notifier did not know that this is a Cluster
        // If a loss was reported since, the return of that connection is reported too, or OnFailed asks again.
        Health.TryReportBack(knownLosses);
        if (isSubscription)
            OnRestored(isReconnect: wasLost, wasDeaf: false);
    }

    public void OnRestoring() => Volatile.Write(ref restoredAt, time.GetTimestamp());

    private void OnRestored(bool isReconnect, bool wasDeaf)
    {
        Interlocked.Exchange(ref restored, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        if (!isReconnect)
            return;
        metrics.OnReconnected(wasDeaf);
        Restored?.Invoke();
    }

    private RedisConnectionMonitor Observe(ConnectionMultiplexer multiplexer) => new(this, multiplexer, connections, Health, time, Stopping);

    private async Task ConnectAsync()
    {
        while (!Stopping.IsCancellationRequested)
        {
            try
            {
                await BeginAsync(await topology!.Current.OpenAsync(replaced: null));
                return;
            }
            catch (RedisConnectionException)
            {
                Health.ReportAway(Location!.Description);
            }
            catch (Exception error)
            {
                // The library promises to reconnect by itself (abortConnect=false). If it does not, the node must not stay without messages.
                Health.ReportUnusable(error);
            }
            await Task.Delay(RetryAfter, time, Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task BeginAsync(ConnectionMultiplexer multiplexer)
    {
        var connection = Observe(multiplexer);
        connections.Commands = multiplexer;
        connections.SubscriptionConnection = multiplexer;
        if (multiplexer.IsConnected)
            Log.Connected(logger, Location!.Description);
        else
            Health.ReportAway(Location!.Description);
        var losses = Health.Losses;
        var answers = await connection.TryPingAsync();
        if (!HasSubscriptionConnection)
            await topology!.Current.BeginAsync(multiplexer);
        else if (!answers && multiplexer.IsConnected && Health.AnswersWithErrors)
        {
            Health.ReportAway(Location!.Description);
            _ = connection.AwaitAnswerAsync();
        }
        else if (answers)
            Health.TryReportBack(losses);    // the Sentinels may have been away
        connecting.SetResult();
        _ = topology!.WatchAsync();
        if (Stopping.IsCancellationRequested)
            await multiplexer.EndAsync();
    }

    private static partial class Log
    {
        [LoggerMessage(5, LogLevel.Debug, "Connected to Redis ({Redis}).")]
        public static partial void Connected(ILogger logger, string redis);
    }
}
