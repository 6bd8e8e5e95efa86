using System.Buffers.Text;
using System.Security.Cryptography;
using Notifier.Messages;
using Notifier.Names;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>What the latest probe has found.</summary>
internal enum ProbeResult
{
    /// <summary>None has ended yet.</summary>
    Unknown,

    /// <summary>The subscription connection hears what is published.</summary>
    Received,

    /// <summary>Redis takes what is published, and the subscription connection does not hear it, whatever the library says.</summary>
    Deaf,

    /// <summary>Redis does not answer; the library goes on connecting.</summary>
    Away,

    /// <summary>Redis' ACL does not allow the probe: nobody knows.</summary>
    NotAllowed,
}

/// <summary>
/// Publishes to a channel of its own, every 5 s, and listens to it on the connection that all names share. No echo within 5 s
/// more, though Redis has taken the message: the connection is deaf, and is replaced. After a fail-over of a hung primary that has
/// happened to others for hours, under a green health check.
/// </summary>
internal sealed partial class RedisProbe(
    RedisBackplane backplane, RedisSubscriptions subscriptions, RedisMetrics metrics, TimeProvider time, ILogger<RedisProbe> logger)
    : BackgroundService, IMessageSink
{
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan EchoWithin = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan ConfirmedWithin = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromMinutes(1);

    private readonly Name channel = Name.Channel($"notifier:probe:{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(12))}");
    private RedisSubscription? subscription;
    private TaskCompletionSource echo = new();
    private volatile ProbeResult result;
    private TimeSpan backOff = TimeSpan.Zero;
    private long replacedAt;
    private int number;
    private long sentAt;

    public ProbeResult Result => result;

    /// <summary>The state of the connection to Redis, as the library and the probe see it together.</summary>
    public RedisState State =>
        backplane.Health is { IsAway: true, IsRefused: true } ? RedisState.Refused
        : backplane.Connected is null || backplane.Health.IsAway || result == ProbeResult.Away ? RedisState.Away
        : result == ProbeResult.Deaf ? RedisState.Deaf
        : RedisState.Up;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        try
        {
            do
                await CheckAsync().WaitAsync(stoppingToken);     // Redis may never come
            while (result != ProbeResult.NotAllowed && await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The process ends.
        }
    }

    private async Task CheckAsync()
    {
        await backplane.SubscriberAsync();      // once there is a connection
        var before = result;
        var connection = backplane.Current!;
        result = await ProbeAsync(connection);
        if (result == ProbeResult.Received)
        {
            backOff = TimeSpan.Zero;
            // Whatever event was missed: Redis takes messages, and this node hears them.
            backplane.Health.ReportBack();
        }
        else if (result == ProbeResult.NotAllowed)
            Log.NotAllowed(logger);
        else if (result == ProbeResult.Deaf && await TryReplaceAsync(connection))
            result = await ProbeAsync(backplane.Current!);
        if (before == ProbeResult.Deaf && result == ProbeResult.Received)
            Log.Hears(logger);
    }

    private async Task<ProbeResult> ProbeAsync(ConnectionMultiplexer connection)
    {
        var heard = echo = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var mine = ++number;
        var redis = RedisChannel.Literal(channel.Text);
        try
        {
            subscription ??= subscriptions.Subscribe(this, redis);
            var isLate = !await IsSubscribedAsync(subscription);
            if (subscription.Refusal is not null)
                return ProbeResult.NotAllowed;
            sentAt = time.GetTimestamp();
            // On a Cluster from another server than the one that is listened to: what passes between them is tried, too.
            await (backplane.Connected ?? connection).GetSubscriber().PublishAsync(redis, mine);
            if (isLate)
                return ProbeResult.Deaf;    // Redis answers, only not on that connection
            await heard.Task.WaitAsync(EchoWithin, time, backplane.Stopping);
            return ProbeResult.Received;
        }
        catch (RedisServerException error) when (error.Message.StartsWith("NOPERM", StringComparison.Ordinal))
        {
            return ProbeResult.NotAllowed;
        }
        catch (TimeoutException error) when (error is not RedisTimeoutException)
        {
            // What was published on another server, as on a Cluster, says enough.
            return connection.IsConnected || connection != backplane.Connected ? ProbeResult.Deaf : ProbeResult.Away;
        }
        catch (Exception error) when (error is RedisException or TimeoutException or ObjectDisposedException)
        {
            return ProbeResult.Away;
        }
    }

    /// <summary>Waits a little for the name of its own, which is the last to be subscribed after a return of Redis.</summary>
    private async Task<bool> IsSubscribedAsync(RedisSubscription own)
    {
        var since = time.GetTimestamp();
        await Task.WhenAny(own.Live, Task.Delay(ConfirmedWithin, time, backplane.Stopping));
        while (!own.IsConfirmed && own.Refusal is null && time.GetElapsedTime(since) < ConfirmedWithin)
            await Task.Delay(PollEvery, time, backplane.Stopping);
        return own.IsConfirmed;
    }

    Name IMessageSink.Name => channel;

    void IMessageSink.Deliver(ReadOnlySpan<Message> messages, List<IBroadcast> due)
    {
        foreach (ref readonly var message in messages)
        {
            if (Utf8Parser.TryParse(message.Payload.Span, out int heard, out _) && heard == Volatile.Read(ref number) && echo.TrySetResult())
                metrics.OnProbed(time.GetElapsedTime(sentAt));
        }
    }

    void IMessageSink.OnGap(GapCode code, List<IBroadcast> due)
    {
        // A probe that was lost is not heard.
    }

    void IMessageSink.Refuse(string reason)
    {
        // See Hearing.NotAllowed.
    }

    /// <summary>At once for the first time; a connection that goes deaf again and again is replaced less and less often.</summary>
    private async Task<bool> TryReplaceAsync(ConnectionMultiplexer deaf)
    {
        if (backOff > TimeSpan.Zero && time.GetElapsedTime(replacedAt) < backOff)
            return false;
        Log.Deaf(logger);
        try
        {
            await backplane.ReplaceAsync(deaf, wasDeaf: true);
        }
        catch (Exception error) when (error is RedisException or TimeoutException)
        {
            Log.NotReplaced(logger, error.Message);
        }
        replacedAt = time.GetTimestamp();
        backOff = backOff == TimeSpan.Zero ? Every : backOff * 2 < LongestBackOff ? backOff * 2 : LongestBackOff;
        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "Redis takes messages, but this node does not hear them: its connection is replaced. "
            + "Messages may have been lost; all who listen are told.")]
        public static partial void Deaf(ILogger logger);

        [LoggerMessage(LogLevel.Information, "This node hears Redis again.")]
        public static partial void Hears(ILogger logger);

        [LoggerMessage(LogLevel.Warning, "The connection to Redis could not be replaced; trying again: {Error}")]
        public static partial void NotReplaced(ILogger logger, string error);

        [LoggerMessage(LogLevel.Warning, "Redis' ACL does not allow the channel notifier:probe:* to this user: whether this node hears Redis is "
            + "not watched. To allow it: ACL SETUSER <user> &notifier:probe:*")]
        public static partial void NotAllowed(ILogger logger);
    }
}
