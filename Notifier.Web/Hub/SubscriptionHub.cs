using Microsoft.Extensions.Options;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Redis;

namespace Notifier.Hub;

/// <summary>
/// Who wants which names on this node. A name is subscribed in Redis once, however many want it; when nobody does any more it
/// lingers, so that a page that reloads finds it, and then leaves. Thread-safe.
/// </summary>
internal sealed partial class SubscriptionHub
{
    private readonly RedisBackplane backplane;
    private readonly RedisNames names;
    private readonly SubscriptionTraits traits;
    private readonly TimeSpan linger;
    private readonly TimeProvider time;
    private readonly ILogger<SubscriptionHub> logger;

    private readonly Lock gate = new();
    private readonly Dictionary<Name, Entry> entries = [];
    private readonly HashSet<Entry> unwanted = [];

    /// <summary>Names on their way out of Redis: the next subscription of the same name waits for that.</summary>
    private readonly Dictionary<Name, Task> leaving = [];

    public SubscriptionHub(
        RedisBackplane backplane, RedisNames names, SubscriptionTraits traits, IOptions<RedisOptions> redis, TimeProvider time,
        ILogger<SubscriptionHub> logger)
    {
        this.backplane = backplane;
        this.names = names;
        this.traits = traits;
        this.time = time;
        this.logger = logger;
        linger = redis.Value.Linger;
        backplane.Restored += NoteGapEverywhere;
    }

    private sealed class Entry(Subscription subscription, RedisSubscription redis)
    {
        public Subscription Subscription => subscription;

        /// <summary>Another one takes its place when Redis has come back without the name.</summary>
        public RedisSubscription Redis { get; set; } = redis;

        public int References { get; set; }

        public long UnwantedSince { get; set; }
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

    /// <summary>
    /// Makes the connection a subscriber of the name: it gets whatever Redis delivers from now on. When Redis is away, that is
    /// later.
    /// </summary>
    /// <param name="connection">Holds the name from now on; <see cref="Unsubscribe"/> must follow.</param>
    /// <param name="name">A name that may be asked for.</param>
    /// <param name="refused">
    /// Called, from any thread, with the reason when Redis refuses the name, now or later; perhaps twice.
    /// </param>
    public Subscriber Subscribe(Connection connection, Name name, Action<string> refused)
    {
        Entry? entry;
        lock (gate)
        {
            if (!entries.TryGetValue(name, out entry))
                entries.Add(name, entry = Open(name));
            if (++entry.References == 1)
                unwanted.Remove(entry);
        }
        var subscriber = new Subscriber(connection, entry.Subscription, refused);
        // At once, not when Redis has confirmed the name: between the two somebody may publish.
        subscriber.Join();
        // Those who had joined were told when Redis refused the name; this one may have come between that and its removal.
        if (entry.Redis.Live is { IsCompletedSuccessfully: true, Result: { } reason })
            subscriber.Refuse(reason);
        return subscriber;
    }

    /// <summary>Ends it. Runs as the holder of the subscriber's connection.</summary>
    public void Unsubscribe(Subscriber subscriber)
    {
        subscriber.Leave();
        lock (gate)
        {
            // Otherwise Redis refused the name, and somebody may have asked for it anew.
            if (entries.TryGetValue(subscriber.Subscription.Name, out var entry)
                && entry.Subscription == subscriber.Subscription
                && --entry.References == 0)
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
        List<Entry> live;
        lock (gate)
        {
            foreach (var entry in unwanted.Where(IsDue).ToList())
            {
                unwanted.Remove(entry);
                entries.Remove(entry.Subscription.Name);
                leaving[entry.Subscription.Name] = entry.Redis.Gone;
                entry.Redis.Leave();
            }
            foreach (var (name, _) in leaving.Where(pair => pair.Value.IsCompleted).ToList())
                leaving.Remove(name);
            live = [.. entries.Values];
        }
        foreach (var entry in live)
            entry.Subscription.TrimByAge();
    }

    // What Redis has not confirmed is not unsubscribed: it lingers on until it is.
    private bool IsDue(Entry entry) =>
        backplane.IsSettled && entry.Redis.IsConfirmed && time.GetElapsedTime(entry.UnwantedSince) >= linger;

    private Entry Open(Name name)
    {
        var subscription = new Subscription(name, traits);
        var entry = new Entry(subscription, Ask(subscription, leaving.GetValueOrDefault(name, Task.CompletedTask)));
        _ = RefuseIfRedisDoesAsync(entry, entry.Redis);
        return entry;
    }

    private RedisSubscription Ask(Subscription subscription, Task predecessor) =>
        new(backplane, names.ToRedis(subscription.Name), subscription.Name, predecessor, subscription.ReceiveAsync, logger);

    private async Task RefuseIfRedisDoesAsync(Entry entry, RedisSubscription redis)
    {
        try
        {
            // Never in the thread, and under the lock, of whoever opened it.
            if (await redis.Live.ConfigureAwait(ConfigureAwaitOptions.ForceYielding) is not { } reason)
                return;
            Forget(entry, redis);
            entry.Subscription.Refuse(reason);
        }
        catch (OperationCanceledException)
        {
            // The process ends.
        }
    }

    private void Forget(Entry entry, RedisSubscription redis)
    {
        var name = entry.Subscription.Name;
        lock (gate)
        {
            if (entries.TryGetValue(name, out var present) && present == entry && entry.Redis == redis)
            {
                entries.Remove(name);
                unwanted.Remove(entry);
                leaving[name] = redis.Gone;
            }
        }
    }

    // ---- Redis was away ----------------------------------------------------------------------------------------------

    private void NoteGapEverywhere()
    {
        List<Entry> live;
        lock (gate)
            live = [.. entries.Values.Where(entry => entry.Redis.Live is { IsCompletedSuccessfully: true, Result: null })];
        foreach (var entry in live)
        {
            entry.Subscription.NoteGap(GapCode.Redis);
            if (!entry.Redis.IsConfirmed)
                _ = AskAgainAsync(entry);
        }
        if (live.Count > 0)
            Log.Gaps(logger, live.Count);
    }

    /// <summary>Redis is back without this name: its ACL may be another now. It is asked anew, and refuses it or not.</summary>
    private async Task AskAgainAsync(Entry entry)
    {
        RedisSubscription again;
        lock (gate)
        {
            if (!entries.TryGetValue(entry.Subscription.Name, out var present) || present != entry || entry.Redis.IsConfirmed)
                return;
            entry.Redis.Leave();
            entry.Redis = again = Ask(entry.Subscription, entry.Redis.Gone);
        }
        await RefuseIfRedisDoesAsync(entry, again);
        if (again.IsConfirmed)
            entry.Subscription.NoteGap(GapCode.Redis);
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Redis was away: messages may have been lost in {Names} subscribed names.")]
        public static partial void Gaps(ILogger logger, int names);
    }
}
