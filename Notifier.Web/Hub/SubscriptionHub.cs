using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Names;
using Notifier.Redis;

namespace Notifier.Hub;

/// <summary>
/// Subscribes connections to names. However many subscribers a name has on this node, it is subscribed in Redis once. After the last subscriber has
/// left, the name lingers before it is unsubscribed. Thread-safe.
/// </summary>
internal sealed partial class SubscriptionHub : IDisposable
{
    private readonly RedisBackplane backplane;
    private readonly RedisSubscriptions redis;
    private readonly Covers covers;
    private readonly SubscriptionContext context;
    private readonly MemoryPressure memory;
    private readonly TimeSpan linger;
    private readonly ILogger<SubscriptionHub> logger;
    private readonly NameEntries entries;
    private readonly LogThrottle refusals;
    private readonly LogThrottle full;

    public SubscriptionHub(
        RedisBackplane backplane, RedisSubscriptions redis, Covers covers, SubscriptionContext context, MemoryPressure memory,
        IOptions<RedisOptions> options, IOptions<LimitsOptions> limits, TimeProvider time, ILogger<SubscriptionHub> logger)
    {
        this.backplane = backplane;
        this.redis = redis;
        this.covers = covers;
        this.context = context;
        this.memory = memory;
        this.logger = logger;
        linger = options.Value.Linger;
        entries = new NameEntries(backplane, redis, context, limits.Value, time);
        refusals = new LogThrottle(time);
        full = new LogThrottle(time);
        context.Budget.Exceeded = MakeRoom;
        context.Metrics.Observe(() => entries.Counts, CountBehind, () => LogBytes, () => LogLimit);
        backplane.Restored += OnReconnected;
        redis.Denied += entries.OnDenied;
    }

    // ---- subscribing -------------------------------------------------------------------------------------------------

    /// <summary>Makes the connection a subscriber of the name. While Redis is away, messages follow once it is back.</summary>
    /// <param name="connection">The connection; <see cref="Unsubscribe"/> must follow.</param>
    /// <param name="name">A name that the client may subscribe to.</param>
    /// <param name="mayReceive">Whether the client may subscribe to another pattern, which contains this one.</param>
    /// <param name="onDenied">Called, from any thread, with the reason when Redis does not allow the name, now or later; perhaps twice.</param>
    /// <param name="request">Which earlier messages the client wants.</param>
    /// <param name="subscribed">The subscriber, and when the name is live.</param>
    /// <param name="refusal">Why there is no subscriber: one more name would exceed a limit.</param>
    public bool TrySubscribe(
        Connection connection, Name name, Func<Name, bool> mayReceive, Action<Subscriber, string> onDenied, RecoveryRequest request, out ClientSubscription subscribed,
        [NotNullWhen(false)] out NameRefusal? refusal)
    {
        subscribed = default;
        Subscriber? subscriber = null;
        NameEntry? entry = null;
        refusal = CheckMemory(name);
        if (refusal is not null || !entries.TryAcquire(
            name, covers.Find(name), mayReceive, connection.Ticket.Address, subscription => subscriber = Join(subscription), out entry, out refusal))
        {
            if (refusals.ShouldLog(out var count))
                Log.Full(logger, count, refusal.Message);
            return false;
        }
        subscriber!.Start();
        // Redis may have refused the name after earlier subscribers were notified and before the entry was removed.
        if (entry.Redis.Refusal is { } reason)
            subscriber.OnDenied(reason);
        subscribed = new(subscriber, entry.Subscription.RecoverAsync(entry.Redis.Live, subscriber, request));
        return true;

        Subscriber Join(Subscription subscription)
        {
            var joining = new Subscriber(connection, subscription, onDenied);
            joining.Join(request);
            return joining;
        }
    }

    /// <summary>Refuses a connection that would begin with many new names, if its address has replaced too many.</summary>
    public NameRefusal? CheckNew(ClientAddress address, List<Name> requested) => entries.CheckNew(address, requested);

    /// <summary>A name with subscribers needs little more memory for one more.</summary>
    private NameRefusal? CheckMemory(Name name) => memory.IsHigh && entries.CountSubscribers(name) == 0
        ? NameRefusal.Overloaded("the memory of this server is full (Limits:MemoryShare); try again later")
        : null;

    /// <summary>Runs as the owner of the subscriber's connection.</summary>
    public void Unsubscribe(Subscriber subscriber)
    {
        subscriber.Leave();
        entries.Release(subscriber.Subscription, subscriber.Connection.Ticket.Address);
    }

    /// <summary>A name was refused to a connection.</summary>
    public void OnRefused(RefusalKind kind) => context.Metrics.OnRefused(kind);

    public void Dispose() => entries.Dispose();

    // ---- statistics --------------------------------------------------------------------------------------------------

    /// <summary>How many names are subscribed, including lingering ones.</summary>
    public int NameCount => entries.NameCount;

    /// <summary>How many subscribers the name has.</summary>
    public int CountSubscribers(Name name) => entries.CountSubscribers(name);

    public List<NameStatistics> Statistics() => entries.Statistics();

    /// <summary>How many subscribers have not yet been sent a message that arrived more than a second ago.</summary>
    public int CountBehind() => entries.Subscriptions().Sum(static subscription => subscription.CountBehind());

    /// <summary>The size of all logs.</summary>
    public long LogBytes => context.Budget.Bytes;

    public long LogLimit => context.Recent.NodeBytes;

    // ---- each second, and when something happens -----------------------------------------------------------------------

    /// <summary>Unsubscribes names that were unused for as long as they linger, and discards messages of quiet names that are too old.</summary>
    public void Sweep()
    {
        entries.ExpireUnused(linger);
        context.Replays.Sweep();
        foreach (var subscription in entries.Subscriptions())
            subscription.Sweep();
        if (backplane.IsSettled)
            redis.Reconcile();      // the library does not report every lost subscription
    }

    /// <summary>
    /// The node's memory for messages is full: first pages of the journal are discarded, then the names that were used least recently discard their messages,
    /// until a tenth is free.
    /// </summary>
    private void MakeRoom(long bytes)
    {
        bytes -= context.Replays.MakeRoom(bytes);
        if (bytes <= 0)
            return;
        var discarded = 0;
        foreach (var subscription in entries.Subscriptions().OrderBy(static subscription => subscription.UsedAt))
        {
            if (bytes <= 0)
                break;
            bytes -= subscription.LogBytes;
            subscription.Discard();
            discarded++;
        }
        if (full.ShouldLog(out _))
            Log.LogsFull(logger, discarded);
    }

    /// <summary>Redis reconnected. Names that Redis has confirmed again have a gap; the others are subscribed again here.</summary>
    private void OnReconnected()
    {
        var live = entries.CountLive();
        redis.Reconcile();
        if (live > 0)
            Log.Gaps(logger, live);
    }

    private static partial class Log
    {
        [LoggerMessage(5, LogLevel.Warning, "Redis reconnected: messages may have been lost in {Names} subscribed names.")]
        public static partial void Gaps(ILogger logger, int names);

        [LoggerMessage(6, LogLevel.Warning, "Recent messages exceed History:Recent:NodeBytes: those of {Names} names were discarded. (Logged at most once a minute.)")]
        public static partial void LogsFull(ILogger logger, int names);

        [LoggerMessage(7, LogLevel.Warning, "{Count} names were refused since the last such warning; the latest: {Reason}.")]
        public static partial void Full(ILogger logger, int count, string reason);
    }
}

/// <summary>One name of a connection.</summary>
/// <param name="Subscriber">The connection's subscriber.</param>
/// <param name="Live">
/// Completes with null when Redis has confirmed the name and the subscriber's cursor is set, or with the reason if Redis refuses the name. Waits while
/// Redis is away.
/// </param>
internal readonly record struct ClientSubscription(Subscriber Subscriber, Task<string?> Live);
