using System.Collections.Concurrent;
using System.Net;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// The one shared connection to Redis. It never keeps the process from starting: it heals by itself when Redis comes, or
/// comes back, and says so. Where the library does not heal, a new connection takes the place of the old one.
/// </summary>
internal sealed partial class RedisBackplane : IHostedService, IAsyncDisposable
{
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(1);
    private static readonly EndPoint NoEndPoint = new IPEndPoint(0, 0);
    private static readonly TimeSpan SettledAfter = TimeSpan.FromSeconds(1);

    private readonly RedisLocator locator;
    private readonly RedisMetrics metrics;
    private readonly TimeProvider time;
    private readonly ILogger<RedisBackplane> logger;
    private readonly TaskCompletionSource connecting = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource stopping = new();
    private volatile TaskCompletionSource restored = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ConnectionMultiplexer? current;
    private readonly ConcurrentDictionary<EndPoint, int> restorations = [];
    private long restoredAt;

    public RedisBackplane(RedisLocator locator, RedisMetrics metrics, TimeProvider time, ILogger<RedisBackplane> logger)
    {
        this.locator = locator;
        this.metrics = metrics;
        this.time = time;
        this.logger = logger;
        Condition = new RedisCondition(logger, stopping.Token);
    }

    /// <summary>
    /// The subscription connection was lost and is back, with all that the library held on it subscribed again. What was
    /// published meanwhile is gone.
    /// </summary>
    public event Action? Restored;

    /// <summary>The library has found other servers, or other roles of them.</summary>
    public event Action? Reconfigured;

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

    /// <summary>The connection in use; null until the first attempt to connect has ended.</summary>
    public ConnectionMultiplexer? Current => Volatile.Read(ref current);

    /// <summary>Null while Redis is away.</summary>
    public ConnectionMultiplexer? Connected => Current is { IsConnected: true } multiplexer ? multiplexer : null;

    /// <summary>Whether it serves.</summary>
    public RedisCondition Condition { get; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Location = await locator.LocateAsync(cancellationToken);
        _ = ConnectAsync(Location.Options);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>
    /// The next time that the subscription connection comes back. To be taken before something is tried, so that it is not missed
    /// between that and <see cref="WhenWorthAnotherLookAsync"/>.
    /// </summary>
    public Task NextRestoration => restored.Task;

    /// <summary>Waits until the connection was restored, or a second has passed: then it is worth trying again.</summary>
    public async Task WhenWorthAnotherLookAsync(Task restoration)
    {
        await Task.WhenAny(restoration, Task.Delay(LookAgainAfter, time, Stopping));
        Stopping.ThrowIfCancellationRequested();
    }

    /// <summary>
    /// False while Redis is away, and for a second after its return: the library asks for each name again more than once, from
    /// several threads, and a name that was unsubscribed meanwhile would be subscribed once more, for ever.
    /// </summary>
    public bool IsSettled => !Condition.IsAway && time.GetElapsedTime(Volatile.Read(ref restoredAt)) >= SettledAfter;

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        if (Interlocked.Exchange(ref current, null) is { } last)
            await last.DisposeAsync();
    }

    /// <summary>
    /// Puts a new connection in place of the present one, which has gone deaf: all names are subscribed anew on it, and each has a gap in
    /// its log. Called by the probe alone.
    /// </summary>
    public async Task RebuildAsync()
    {
        var fresh = await ConnectionMultiplexer.ConnectAsync(Location!.Options);
        Follow(fresh);
        if (await TryPingSubscriptionsAsync(fresh))
            Condition.ReportBack();
        Volatile.Write(ref restoredAt, time.GetTimestamp());
        var deaf = Interlocked.Exchange(ref current, fresh);
        if (Stopping.IsCancellationRequested)
            await fresh.DisposeAsync();
        // It may be waiting for a Redis that hangs; nobody waits for it. What it still delivers, nobody listens to any more.
        _ = deaf!.CloseAsync(allowCommandsToComplete: false).ContinueWith(
            static (_, old) => ((ConnectionMultiplexer)old!).Dispose(), deaf, CancellationToken.None,
            TaskContinuationOptions.None, TaskScheduler.Default);
        Interlocked.Exchange(ref restored, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        metrics.Reconnected(wasDeaf: true);
        Restored?.Invoke();
    }

    private async Task ConnectAsync(ConfigurationOptions options)
    {
        options.ConnectionAttemptCompleted += (_, attempt) => Condition.Report(attempt);
        while (!Stopping.IsCancellationRequested)
        {
            try
            {
                await BeginAsync(await ConnectionMultiplexer.ConnectAsync(options));
                return;
            }
            catch (Exception error)
            {
                // The library says that it heals by itself (abortConnect=false). If not, nobody may stay deaf for ever.
                Condition.ReportUnusable(error);
            }
            await Task.Delay(LookAgainAfter, time, Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Follow(ConnectionMultiplexer multiplexer)
    {
        multiplexer.ConnectionFailed += (_, _) => OnFailed(multiplexer);
        multiplexer.ConfigurationChanged += (_, _) => OnReconfigured(multiplexer);
        multiplexer.ConnectionRestored += (_, restored) => _ = OnRestoredAsync(multiplexer, restored.EndPoint ?? NoEndPoint, restored.ConnectionType);
    }

    private async Task BeginAsync(ConnectionMultiplexer multiplexer)
    {
        Volatile.Write(ref current, multiplexer);
        Follow(multiplexer);
        if (multiplexer.IsConnected)
            Log.Connected(logger, Location!.Description);
        else
            Condition.ReportAway(Location!.Description);
        // The library would open the connection for subscriptions when it is first used, and then ask twice for each name
        // that waits for it.
        if (!await TryPingSubscriptionsAsync(multiplexer) && multiplexer.IsConnected && Condition.IsRefused)
            _ = AwaitAnswerAsync(multiplexer);
        connecting.SetResult();
        if (Stopping.IsCancellationRequested)
            await multiplexer.DisposeAsync();
    }

    private void OnFailed(ConnectionMultiplexer multiplexer)
    {
        if (multiplexer != Current)
            return;
        Condition.ReportAway(Location!.Description);
        // The library tells each event on a thread of its own: this one may come after that of the return.
        if (multiplexer.IsConnected && multiplexer.GetSubscriber().IsConnected())
            Condition.ReportBack();
    }

    private void OnReconfigured(ConnectionMultiplexer multiplexer)
    {
        if (multiplexer == Current)
            Reconfigured?.Invoke();
    }

    /// <summary>It is connected, and answers with errors: it loads its data, for instance. No event tells when that is over.</summary>
    private async Task AwaitAnswerAsync(ConnectionMultiplexer multiplexer)
    {
        Condition.ReportAway(Location!.Description);
        do
            await Task.Delay(LookAgainAfter, time, Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (!Stopping.IsCancellationRequested && multiplexer == Current && !await TryPingSubscriptionsAsync(multiplexer));
        if (!Stopping.IsCancellationRequested && multiplexer == Current)
            Condition.ReportBack();
    }

    private async Task OnRestoredAsync(ConnectionMultiplexer multiplexer, EndPoint server, ConnectionType type)
    {
        if (multiplexer != Current)
            return;     // of one that is being replaced, or was
        // Each server of a Cluster, and each replica, is connected to for a first time: nothing was lost then. (What moves there, see Reception.)
        var number = type == ConnectionType.Subscription
            ? restorations.AddOrUpdate(server, 1, static (_, before) => before + 1)
            : restorations.GetValueOrDefault(server);
        if (number > 1)
            Volatile.Write(ref restoredAt, time.GetTimestamp());
        // The library has asked for all its names again before this ping, on the same connection: its answer says that
        // Redis has confirmed them. And it opens that connection, if the other one was first.
        while (!await TryPingSubscriptionsAsync(multiplexer))
        {
            await Task.Delay(LookAgainAfter, time, Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (Stopping.IsCancellationRequested || number != restorations.GetValueOrDefault(server))
                return;     // lost again meanwhile, and back
        }
        Condition.ReportBack();
        if (type != ConnectionType.Subscription)
            return;
        Interlocked.Exchange(ref restored, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        // The library tells of the first time too: nothing was lost then.
        if (number <= 1)
            return;
        metrics.Reconnected(wasDeaf: false);
        Restored?.Invoke();
    }

    private async Task<bool> TryPingSubscriptionsAsync(ConnectionMultiplexer multiplexer)
    {
        try
        {
            await multiplexer.GetSubscriber().PingAsync();
            return true;
        }
        catch (RedisServerException error) when (error.Message.StartsWith("NOPERM", StringComparison.Ordinal))
        {
            return true;    // an answer too: its ACL has no PING for us
        }
        catch (Exception error) when (error is RedisException or TimeoutException or ObjectDisposedException)
        {
            if (multiplexer.IsConnected)
                Condition.Report(error);
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "Connected to Redis ({Redis}).")]
        public static partial void Connected(ILogger logger, string redis);
    }
}
