using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Names;
using Notifier.Redis;

namespace Notifier.Hub;

/// <summary>
/// Who wants which names on this node. A name is subscribed in Redis once, however many want it; when nobody does any more it
/// lingers, so that a page that reloads finds it, and then leaves. Names under a cover share the cover's subscription, which
/// leaves with the last of them. Thread-safe.
/// </summary>
internal sealed partial class SubscriptionHub
{
    private readonly RedisBackplane backplane;
    private readonly Covers covers;
    private readonly SubscriptionContext context;
    private readonly TimeSpan linger;
    private readonly TimeProvider time;
    private readonly ILogger<SubscriptionHub> logger;

    private readonly Lock gate = new();
    private readonly Dictionary<Name, NameEntry> entries = [];
    private readonly HashSet<NameEntry> unwanted = [];
    private readonly RedisSubscriptions redis;
    private readonly LiveCovers liveCovers;
    private readonly PatternQuota quota;
    private readonly LogThrottle refusals;
    private readonly LogThrottle full;

    public SubscriptionHub(
        RedisBackplane backplane, RedisSubscriptions redis, Covers covers, SubscriptionContext context, IOptions<RedisOptions> options,
        IOptions<LimitsOptions> limits, TimeProvider time, ILogger<SubscriptionHub> logger)
    {
        this.backplane = backplane;
        this.redis = redis;
        this.covers = covers;
        this.context = context;
        this.time = time;
        this.logger = logger;
        linger = options.Value.Linger;
        liveCovers = new LiveCovers(redis, context);
        quota = new PatternQuota(limits.Value);
        refusals = new LogThrottle(time);
        full = new LogThrottle(time);
        context.Budget.Exceeded = MakeRoom;
        context.Metrics.Observe(this);
        backplane.Restored += OnReconnected;
        redis.Refused += Refuse;
    }

    /// <summary>How many names are subscribed, lingering ones included.</summary>
    public int Names
    {
        get
        {
            lock (gate)
                return entries.Count;
        }
    }

    /// <summary>How many times a name is held.</summary>
    public int References(Name name)
    {
        lock (gate)
            return entries.TryGetValue(name, out var entry) ? entry.References : 0;
    }

    // ---- watching ----------------------------------------------------------------------------------------------------

    public HubCounts CountsAsPattern
    {
        get
        {
            lock (gate)
                return new(entries.Count, entries.Values.Sum(static entry => entry.References));
        }
    }

    /// <summary>What all logs hold.</summary>
    public long LogBytes => context.Budget.Bytes;

    /// <summary>What they may hold.</summary>
    public long LogLimit => context.Recent.NodeBytes;

    /// <summary>How many subscribers have not been sent what came more than a second ago.</summary>
    public int CountBehind()
    {
        List<Subscription> all;
        lock (gate)
            all = [.. entries.Values.Select(static entry => entry.Subscription)];
        return all.Sum(static subscription => subscription.CountBehind());
    }

    public List<NameFigures> Figures()
    {
        lock (gate)
            return [.. entries.Values.Select(static entry => entry.Subscription.Figures(entry.References))];
    }

    /// <summary>A connection did not get a name that it asked for.</summary>
    public void OnRefused(RefusalKind kind) => context.Metrics.OnRefused(kind);

    // ---- subscribing -------------------------------------------------------------------------------------------------

    /// <summary>
    /// Makes the connection a subscriber of the name: it gets whatever Redis delivers from now on. When Redis is away, that is
    /// later.
    /// </summary>
    /// <param name="connection">Holds the name from now on; <see cref="Unsubscribe"/> must follow.</param>
    /// <param name="name">A name that may be asked for.</param>
    /// <param name="refused">
    /// Called, from any thread, with the reason when Redis refuses the name, now or later; perhaps twice.
    /// </param>
    /// <param name="replay">What is wanted of the messages before.</param>
    /// <param name="held">The subscriber and when the name is live, unless there is no room for one more pattern.</param>
    /// <returns>Null, or why there is no subscriber.</returns>
    public NameRefusal? TrySubscribe(Connection connection, Name name, Action<Subscriber, string> refused, ReplayRequest replay, out ClientSubscription held)
    {
        held = default;
        Subscriber? subscriber = null;
        if (Acquire(name, connection.Address, subscription => subscriber = Join(subscription), out var entry) is { } full)
        {
            if (refusals.IsDue(out var count))
                Log.Full(logger, count, full.Message);
            return full;
        }
        subscriber!.Start();
        // Those who had joined were told when Redis refused the name; this one may have come between that and its removal.
        if (entry!.Redis.Refusal is { } reason)
            subscriber.Refuse(reason);
        held = new(subscriber, entry.Subscription.RecoverAsync(entry.Redis.Live, subscriber, replay));
        return null;

        Subscriber Join(Subscription subscription)
        {
            var joining = new Subscriber(connection, subscription, refused);
            joining.Join(replay);
            return joining;
        }
    }

    /// <param name="name">The name.</param>
    /// <param name="address">Of the connection that is to hold it.</param>
    /// <param name="join">
    /// Called before the reference counts, and before Redis is asked for a new name: somebody may publish as soon as either can be seen.
    /// </param>
    /// <param name="entry">Null when there is no room.</param>
    private NameRefusal? Acquire(Name name, ClientAddress address, Action<Subscription> join, out NameEntry? entry)
    {
        var cover = covers.Find(name);
        lock (gate)
        {
            var counts = entries.TryGetValue(name, out entry) ? quota.Contains(entry) : Counts(name, cover);
            if (counts && CheckPatterns(address, entry) is { } full)
                return full;
            if (entry is null)
                entry = Open(name, cover, counts, join);
            else
                join(entry.Subscription);
            if (++entry.References == 1)
                unwanted.Remove(entry);
            quota.Acquire(address, entry);
            return null;
        }
    }

    private NameRefusal? CheckPatterns(ClientAddress address, NameEntry? entry)
    {
        if (quota.CheckShare(address, entry) is { } refusal)
            return refusal;
        if (entry is not null || !quota.IsFull)
            return null;
        // Those that only linger make room.
        if (quota.Unwanted.FirstOrDefault(CanLeave) is not { } idle)
            return quota.Full();
        Expire(idle);
        return null;
    }

    /// <summary>Whether Redis, or this process, would try the pattern for messages that it does not match.</summary>
    private bool Counts(Name name, Name? cover) => name.Kind == NameKind.Pattern
        && (cover is null || liveCovers.Find(cover.Value)?.CountAlike(RedisPattern.From(name)) >= PatternQuota.FreeUnderCover);

    private NameEntry Open(Name name, Name? cover, bool counts, Action<Subscription> join)
    {
        var subscription = new Subscription(name, context);
        join(subscription);
        var entry = cover is { } above
            ? Under(liveCovers.Add(above, subscription))
            : new NameEntry(subscription, redis.Subscribe(subscription), cover: null);
        entries.Add(name, entry);
        if (counts)
            quota.Add(entry);
        return entry;

        NameEntry Under((Cover Cover, RedisSubscription Redis) live) => new(subscription, live.Redis, live.Cover);
    }

    // ---- letting go --------------------------------------------------------------------------------------------------

    /// <summary>Ends it. Runs as the owner of the subscriber's connection.</summary>
    public void Unsubscribe(Subscriber subscriber)
    {
        subscriber.Leave();
        lock (gate)
        {
            // Otherwise Redis refused the name, and somebody may have asked for it anew.
            if (!entries.TryGetValue(subscriber.Subscription.Name, out var entry) || entry.Subscription != subscriber.Subscription)
                return;
            quota.Release(subscriber.Connection.Address, entry);
            if (--entry.References == 0)
            {
                entry.UnwantedSince = time.GetTimestamp();
                unwanted.Add(entry);
            }
        }
    }

    /// <summary>
    /// Lets go of names that nobody has wanted for as long as they linger, and of old messages of those that went quiet.
    /// Called by one sweep.
    /// </summary>
    public void Sweep()
    {
        List<NameEntry> live;
        lock (gate)
        {
            foreach (var entry in unwanted.Where(entry => CanLeave(entry) && time.GetElapsedTime(entry.UnwantedSince) >= linger).ToList())
                Expire(entry);
            live = [.. entries.Values];
        }
        foreach (var entry in live)
            entry.Subscription.Sweep();
        if (backplane.IsSettled)
            redis.Reconcile();      // nobody tells of every loss
    }

    /// <summary>The node's logs are full: those that were used least recently give up theirs, until a tenth is free.</summary>
    private void MakeRoom(long bytes)
    {
        List<Subscription> all;
        lock (gate)
            all = [.. entries.Values.Select(static entry => entry.Subscription)];
        var forgotten = 0;
        foreach (var subscription in all.OrderBy(static subscription => subscription.UsedAt))
        {
            if (bytes <= 0)
                break;
            bytes -= subscription.LogBytes;
            subscription.Forget();
            forgotten++;
        }
        if (full.IsDue(out _))
            Log.LogsFull(logger, forgotten);
    }

    // What Redis has not confirmed is not unsubscribed: it lingers on until it is.
    private bool CanLeave(NameEntry entry) => backplane.IsSettled && entry.Redis.IsConfirmed;

    private void Expire(NameEntry entry)
    {
        Remove(entry);
        if (entry.Cover is { } cover)
            liveCovers.Remove(cover, entry.Subscription);
        else
            entry.Redis.Release();
    }

    private void Remove(NameEntry entry)
    {
        entries.Remove(entry.Subscription.Name);
        unwanted.Remove(entry);
        quota.Remove(entry);
        entry.Subscription.Forget();
    }

    // ---- what Redis says ---------------------------------------------------------------------------------------------

    /// <summary>Redis does not allow the name: whoever asks for it, or for one under it, from now on asks anew.</summary>
    private void Refuse(RedisSubscription refused)
    {
        lock (gate)
        {
            foreach (var entry in entries.Values.Where(entry => entry.Redis == refused).ToList())
                Remove(entry);
            liveCovers.Forget(refused);
        }
    }

    /// <summary>Redis is back. Each name has had its gap where it was confirmed again; those that were not are asked for.</summary>
    private void OnReconnected()
    {
        int live;
        lock (gate)
            live = entries.Values.Count(static entry => entry.Redis.IsLive);
        redis.Reconcile();
        if (live > 0)
            Log.Gaps(logger, live);
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Redis was away: messages may have been lost in {Names} subscribed names.")]
        public static partial void Gaps(ILogger logger, int names);

        [LoggerMessage(LogLevel.Warning, "The messages that are kept take all of History:Recent:NodeBytes: {Names} names have given up theirs. "
            + "(Said once a minute.)")]
        public static partial void LogsFull(ILogger logger, int names);

        [LoggerMessage(LogLevel.Warning, "{Count} patterns were refused since this was last said: {Reason}.")]
        public static partial void Full(ILogger logger, int count, string reason);
    }
}
