using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// The one shared connection to Redis. It never keeps the process from starting: it heals by itself when Redis comes, or
/// comes back, and says so.
/// </summary>
internal sealed partial class RedisBackplane(RedisLocator locator, TimeProvider time, ILogger<RedisBackplane> logger)
    : IHostedService, IAsyncDisposable
{
    /// <summary>
    /// What a connection string may override, chosen from measurements: delivery is back 0.04 s after Redis accepts, and a
    /// half-open connection is noticed in 10 s instead of 65.
    /// </summary>
    private const string Defaults = "abortConnect=false,connectTimeout=2000,syncTimeout=2000,asyncTimeout=2000,keepAlive=5,";

    private static readonly TimeSpan RetryEvery = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromSeconds(1);

    private readonly TaskCompletionSource<ConnectionMultiplexer> connecting = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource stopping = new();
    private volatile TaskCompletionSource restored = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int isAway;

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
    public async Task<ISubscriber> SubscriberAsync() => (await connecting.Task.WaitAsync(Stopping)).GetSubscriber();

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Location = await locator.LocateAsync(cancellationToken);
        _ = ConnectAsync(Options(Location.Configuration));
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Waits until the connection was restored, or a second has passed: then it is worth looking again.</summary>
    public async Task WhenWorthAnotherLookAsync()
    {
        var look = Task.Delay(LookAgainAfter, time, Stopping);
        await Task.WhenAny(restored.Task, look);
        Stopping.ThrowIfCancellationRequested();
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        if (connecting.Task.IsCompletedSuccessfully)
            await (await connecting.Task).DisposeAsync();
        locator.Dispose();
    }

    private static ConfigurationOptions Options(string connectionString)
    {
        ConfigurationOptions options;
        try
        {
            options = ConfigurationOptions.Parse(Defaults + connectionString);
        }
        catch (ArgumentException error)
        {
            // The text of the exception names the option, never a value of it.
            throw new StartupException($"Redis:Configuration is no StackExchange.Redis connection string: {error.Message}");
        }
        if (options.EndPoints.Count == 0)
            throw new StartupException("Redis:Configuration names no host. Begin it with one, for example localhost:6379.");
        // Anybody who may publish could make every client of the library reconfigure itself through this channel.
        options.ConfigurationChannel = "";
        options.HeartbeatInterval = RetryEvery;
        options.ReconnectRetryPolicy = new LinearRetry((int)RetryEvery.TotalMilliseconds);
        // Two connections: when Redis drops a subscriber that reads too slowly, commands survive.
        options.Protocol = RedisProtocol.Resp2;
        options.ClientName ??= "notifier";
        options.IncludeDetailInExceptions = false;
        return options;
    }

    private async Task ConnectAsync(ConfigurationOptions options)
    {
        try
        {
            var multiplexer = await ConnectionMultiplexer.ConnectAsync(options);
            multiplexer.ConnectionFailed += (_, _) => ReportAway();
            multiplexer.ConnectionRestored += (_, restored) => _ = OnRestoredAsync(multiplexer, restored.ConnectionType);
            if (multiplexer.IsConnected)
                Log.Connected(logger, Location!.Description);
            else
                ReportAway();
            connecting.SetResult(multiplexer);
        }
        catch (Exception error)
        {
            connecting.SetException(error);
            Log.CannotConnect(logger, error.Message);
        }
    }

    private void ReportAway()
    {
        if (!Stopping.IsCancellationRequested && Interlocked.Exchange(ref isAway, 1) == 0)
            Log.Away(logger, Location!.Description);
    }

    private async Task OnRestoredAsync(ConnectionMultiplexer multiplexer, ConnectionType type)
    {
        if (type != ConnectionType.Subscription)
            return;
        try
        {
            // The library has asked for all its names again before this ping, on the same connection: its answer says that
            // Redis has confirmed them.
            await multiplexer.GetSubscriber().PingAsync();
        }
        catch (Exception error) when (error is RedisException or TimeoutException or ObjectDisposedException)
        {
            return;     // lost again; the next restoration comes here too
        }
        if (Interlocked.Exchange(ref isAway, 0) == 1)
            Log.Back(logger);
        Interlocked.Exchange(ref restored, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
        Restored?.Invoke();
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "Connected to Redis ({Redis}).")]
        public static partial void Connected(ILogger logger, string redis);

        [LoggerMessage(LogLevel.Warning, "Redis does not answer ({Redis}). Browsers stay connected; trying until it does.")]
        public static partial void Away(ILogger logger, string redis);

        [LoggerMessage(LogLevel.Information, "Redis is back: all names are subscribed again.")]
        public static partial void Back(ILogger logger);

        [LoggerMessage(LogLevel.Error, "Redis cannot be used as configured: {Error}")]
        public static partial void CannotConnect(ILogger logger, string error);
    }
}
