using System.Buffers.Text;
using System.Security.Cryptography;
using Notifier.Configuration;
using Notifier.Messages;
using Notifier.Names;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>The result of the latest probe.</summary>
internal enum ProbeResult
{
    /// <summary>No probe has ended yet.</summary>
    Unknown,

    /// <summary>The subscription connection receives published messages.</summary>
    Received,

    /// <summary>Redis accepts messages, but the subscription connection does not receive them, even if the library calls it connected.</summary>
    Deaf,

    /// <summary>Redis does not answer; the library keeps connecting.</summary>
    Away,

    /// <summary>Redis' ACL does not allow the probe, so the result is unknown.</summary>
    NotAllowed,
}

/// <summary>
/// Tests whether this node receives messages: every 5 s it publishes to a channel of its own, which is subscribed on the connection that all names share. If
/// Redis accepts the message, but no echo arrives within another 5 s, the connection is called deaf, and is replaced. Without such a test, other products
/// received nothing for hours after a failover of a hung primary, while their health checks were green.
/// </summary>
internal sealed partial class RedisProbe(
    RedisBackplane backplane, RedisSubscriptions subscriptions, RedisMetrics metrics, TimeProvider time, ILogger<RedisProbe> logger)
    : StoppableService, IMessageSink
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan EchoTimeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan ConfirmationTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromMinutes(1);

    /// <summary>Earlier versions have no such mark: nodes can see from Redis' list of channels which versions are connected.</summary>
    private const string ChannelPrefix = "notifier:probe:2:";

    private readonly Name channel = Name.Channel(ChannelPrefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(12)));
    private RedisSubscription? subscription;
    private TaskCompletionSource echo = new();
    private volatile ProbeResult result;
    private TimeSpan backOff = TimeSpan.Zero;
    private long replacedAt;
    private int number;
    private long sentAt;

    /// <summary>The pattern of the channels of all nodes, of this version and earlier ones.</summary>
    public static RedisChannel AllNodes { get; } = RedisChannel.Pattern("notifier:probe:*");

    /// <summary>The channel of this node's probe.</summary>
    public string Channel => channel.Text;

    public ProbeResult Result => result;

    /// <summary>The state of the connection to Redis, as the library and the probe see it together.</summary>
    public RedisState State =>
        backplane.Health is { IsAway: true, AnswersWithErrors: true } ? RedisState.Refused
        : backplane.ConnectedCommands is null || backplane.Health.IsAway || result == ProbeResult.Away ? RedisState.Away
        : result == ProbeResult.Deaf ? RedisState.Deaf
        : RedisState.Up;

    /// <summary>Whether a channel of <see cref="AllNodes"/> is that of a node of this version, or a later one.</summary>
    public static bool IsOfThisVersion(string channel) => channel.StartsWith(ChannelPrefix, StringComparison.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
            await CheckAsync().WaitAsync(stoppingToken);     // Redis may never come
        while (result != ProbeResult.NotAllowed && await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task CheckAsync()
    {
        await backplane.SubscriberAsync();      // waits for a connection
        var before = result;
        var connection = backplane.SubscriptionConnection!;
        result = await ProbeAsync(connection);
        if (result == ProbeResult.Received)
        {
            backOff = TimeSpan.Zero;
            // The library may have missed an event. A Redis that loads its data accepts messages too, but answers the ping with an error.
            if (backplane.Health is { IsAway: true } or { AnswersWithErrors: true })
                await RedisConnectionMonitor.TryReportBackAsync(connection, backplane.Health);
        }
        else if (result == ProbeResult.NotAllowed)
            Log.NotAllowed(logger);
        else if (result == ProbeResult.Deaf && await TryReplaceAsync(connection))
            result = await ProbeAsync(backplane.SubscriptionConnection!);
        if (before == ProbeResult.Deaf && result == ProbeResult.Received)
            Log.ReceivesAgain(logger);
    }

    private async Task<ProbeResult> ProbeAsync(ConnectionMultiplexer connection)
    {
        var received = echo = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var sent = ++number;
        var redis = RedisChannel.Literal(channel.Text);
        try
        {
            subscription ??= subscriptions.Subscribe(this, redis);
            var isLate = !await IsSubscribedAsync(subscription);
            if (subscription.Refusal is not null)
                return ProbeResult.NotAllowed;
            sentAt = time.GetTimestamp();
            // On a Cluster this publishes to another server than the one that this node listens to: that tests the way between them, too.
            await (backplane.ConnectedCommands ?? connection).GetSubscriber().PublishAsync(redis, sent);
            if (isLate)
                return ProbeResult.Deaf;    // Redis answers, but not on that connection
            await received.Task.WaitAsync(EchoTimeout, time, backplane.Stopping);
            return ProbeResult.Received;
        }
        catch (RedisServerException error) when (error.Message.StartsWith("NOPERM", StringComparison.Ordinal))
        {
            return ProbeResult.NotAllowed;
        }
        catch (TimeoutException error) when (error is not RedisTimeoutException)
        {
            // A message published through another connection, as on a Cluster, is evidence enough.
            return connection.IsConnected || connection != backplane.ConnectedCommands ? ProbeResult.Deaf : ProbeResult.Away;
        }
        catch (Exception error) when (error is RedisException or TimeoutException or ObjectDisposedException)
        {
            return ProbeResult.Away;
        }
    }

    /// <summary>Waits briefly for the probe's own name, which the library subscribes last after Redis has returned.</summary>
    private async Task<bool> IsSubscribedAsync(RedisSubscription own)
    {
        var since = time.GetTimestamp();
        await Task.WhenAny(own.Live, Task.Delay(ConfirmationTimeout, time, backplane.Stopping));
        while (!own.IsConfirmed && own.Refusal is null && time.GetElapsedTime(since) < ConfirmationTimeout)
            await Task.Delay(PollInterval, time, backplane.Stopping);
        return own.IsConfirmed;
    }

    Name IMessageSink.Name => channel;

    void IMessageSink.Deliver(ReadOnlySpan<Message> messages, List<IBroadcast> due)
    {
        foreach (ref readonly var message in messages)
        {
            if (Utf8Parser.TryParse(message.Payload.Span, out int received, out _) && received == Volatile.Read(ref number) && echo.TrySetResult())
                metrics.OnProbed(time.GetElapsedTime(sentAt));
        }
    }

    void IMessageSink.OnGap(GapCode code, List<IBroadcast> due)
    {
        // A lost probe has no echo.
    }

    void IMessageSink.OnDenied(string reason)
    {
        // See ProbeResult.NotAllowed.
    }

    /// <summary>Replaces the connection, the first time without a delay. If new connections become deaf too, the delay grows.</summary>
    private async Task<bool> TryReplaceAsync(ConnectionMultiplexer replaced)
    {
        if (backOff > TimeSpan.Zero && time.GetElapsedTime(replacedAt) < backOff)
            return false;
        Log.Deaf(logger);
        try
        {
            await backplane.ReplaceAsync(replaced, wasDeaf: true);
        }
        catch (Exception error) when (error is RedisException or TimeoutException)
        {
            Log.NotReplaced(logger, error.Message);
        }
        replacedAt = time.GetTimestamp();
        backOff = backOff == TimeSpan.Zero ? Interval : backOff * 2 < LongestBackOff ? backOff * 2 : LongestBackOff;
        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(11, LogLevel.Error, "Redis accepts messages, but this node does not receive them: it replaces its connection. "
            + "Messages may have been lost; subscribers receive a gap, and durable names fetch what is missing.")]
        public static partial void Deaf(ILogger logger);

        [LoggerMessage(12, LogLevel.Information, "This node receives messages from Redis again.")]
        public static partial void ReceivesAgain(ILogger logger);

        [LoggerMessage(13, LogLevel.Warning, "Replacing the connection to Redis failed; Notifier tries again: {Error}")]
        public static partial void NotReplaced(ILogger logger, string error);

        [LoggerMessage(14, LogLevel.Warning, "Redis' ACL does not allow the channel notifier:probe:* to this user: Notifier cannot watch whether "
            + "this node receives messages. To allow it: ACL SETUSER <user> &notifier:probe:*")]
        public static partial void NotAllowed(ILogger logger);
    }
}
