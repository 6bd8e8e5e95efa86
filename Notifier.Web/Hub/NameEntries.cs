using System.Diagnostics.CodeAnalysis;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Names;
using Notifier.Redis;

namespace Notifier.Hub;

/// <summary>
/// The names that are subscribed on this node, how many subscribers each has, and the limits of names and patterns. An unused name lingers before it is
/// unsubscribed in Redis, so that it is still there when a page is reloaded. Names under a cover share the cover's subscription. Thread-safe.
/// </summary>
internal sealed class NameEntries(
    RedisBackplane backplane, RedisSubscriptions redis, SubscriptionContext context, LimitsOptions limits, TimeProvider time) : IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<Name, NameEntry> entries = [];
    private readonly UnusedNames unused = new(limits.LingeringNames);
    private readonly LiveCovers covers = new(redis, context);
    private readonly NameQuota names = new(limits);
    private readonly PatternQuota quota = new(limits);

    private PatternOverlap Overlap => field ??= new(limits, covers);

    public HubCounts Counts
    {
        get
        {
            lock (gate)
                return new(entries.Count, entries.Values.Sum(static entry => entry.SubscriberCount));
        }
    }

    /// <summary>How many names are subscribed, including lingering ones.</summary>
    public int NameCount
    {
        get
        {
            lock (gate)
                return entries.Count;
        }
    }

    /// <summary>How many subscribers the name has.</summary>
    public int CountSubscribers(Name name)
    {
        lock (gate)
            return entries.TryGetValue(name, out var entry) ? entry.SubscriberCount : 0;
    }

    public List<Subscription> Subscriptions()
    {
        lock (gate)
            return [.. entries.Values.Select(static entry => entry.Subscription)];
    }

    public List<NameStatistics> Statistics()
    {
        lock (gate)
            return [.. entries.Values.Select(static entry => entry.Subscription.Statistics(entry.SubscriberCount))];
    }

    /// <summary>How many names Redis has confirmed.</summary>
    public int CountLive()
    {
        lock (gate)
            return entries.Values.Count(static entry => entry.Redis.IsLive);
    }

    // ---- subscribing ---------------------------------------------------------------------------------------------------

    /// <summary>Counts one more subscriber of a name, and subscribes the name in Redis if it is new.</summary>
    /// <param name="name">The name.</param>
    /// <param name="cover">The cover that contains the name, or null.</param>
    /// <param name="mayReceive">Whether the client may subscribe to an automatic cover. Otherwise a few narrow patterns could make the node receive everything.</param>
    /// <param name="address">The client's address.</param>
    /// <param name="join">
    /// Adds the subscriber. Called before a new name is subscribed in Redis and before the subscriber is counted: as soon as a backend can see either, it may
    /// publish.
    /// </param>
    /// <param name="entry">The name's entry.</param>
    /// <param name="refusal">Why the name is refused.</param>
    public bool TryAcquire(
        Name name, Name? cover, Func<Name, bool> mayReceive, ClientAddress address, Action<Subscription> join,
        [NotNullWhen(true)] out NameEntry? entry, [NotNullWhen(false)] out NameRefusal? refusal)
    {
        lock (gate)
        {
            refusal = null;
            if (!entries.TryGetValue(name, out entry) && name.Kind == NameKind.Pattern && cover is null)
                refusal = Overlap.Place(RedisPattern.Parse(name.Text), mayReceive, out cover);
            var counts = entry is not null ? quota.Contains(entry) : CountsAsPattern(name, cover);
            refusal ??= (entry is null or { SubscriberCount: 0 } ? names.Check(address) : null)
                ?? (entry is null ? names.CheckNew(address) : null)
                ?? (counts ? CheckPatterns(address, entry) : null);
            if (refusal is not null)
                return false;
            if (entry is null)
                entry = Open(name, cover, counts, join);
            else
                join(entry.Subscription);
            if (++entry.SubscriberCount == 1)
            {
                unused.Remove(entry);
                names.Add(entry, address);
            }
            quota.Acquire(address, entry);
            return true;
        }
    }

    /// <summary>Refuses a connection that would begin with many names that are new to the node, if its address has replaced too many. Names that exist are free.</summary>
    public NameRefusal? CheckNew(ClientAddress address, List<Name> requested)
    {
        lock (gate)
        {
            return requested.Count > NameQuota.FewNames && names.CheckNew(address) is { } refusal
                && requested.Count(name => !entries.ContainsKey(name)) > NameQuota.FewNames
                ? refusal
                : null;
        }
    }

    private NameRefusal? CheckPatterns(ClientAddress address, NameEntry? entry)
    {
        var needsRoom = entry is null && quota.IsFull;
        // A lingering pattern is replaced.
        var idle = needsRoom ? quota.Unused.FirstOrDefault(CanUnsubscribe) : null;
        if (needsRoom && idle is null)
            return quota.Full();
        if (quota.CheckShare(address, entry) is { } refusal)
            return refusal;
        if (idle is not null)
            Expire(idle);
        return null;
    }

    /// <summary>Whether the pattern counts for the quota: Redis, or this process, has to match it against messages of other names.</summary>
    private bool CountsAsPattern(Name name, Name? cover) => name.Kind == NameKind.Pattern
        && (cover is null || covers.Find(cover.Value)?.CountAlike(RedisPattern.From(name)) >= PatternQuota.FreeUnderCover);

    private NameEntry Open(Name name, Name? cover, bool counts, Action<Subscription> join)
    {
        var subscription = new Subscription(name, context);
        join(subscription);
        var entry = cover is { } above
            ? Under(covers.Add(above, subscription))
            : new NameEntry(subscription, redis.Subscribe(subscription), cover: null);
        entries.Add(name, entry);
        if (counts)
            quota.Add(entry);
        if (cover is null && subscription.Pattern is { } pattern)
            Overlap.Add(pattern);
        return entry;

        NameEntry Under((Cover Cover, RedisSubscription Redis) live) => new(subscription, live.Redis, live.Cover);
    }

    // ---- unsubscribing -------------------------------------------------------------------------------------------------

    /// <summary>Counts one subscriber less. The name lingers if it was the last one.</summary>
    public void Release(Subscription subscription, ClientAddress address)
    {
        lock (gate)
        {
            // If Redis has refused the name, the entry was removed, and the name may have a new one.
            if (!entries.TryGetValue(subscription.Name, out var entry) || entry.Subscription != subscription)
                return;
            quota.Release(address, entry);
            if (--entry.SubscriberCount > 0)
                return;
            names.Remove(entry);
            entry.UnusedSince = time.GetTimestamp();
            // Without a limit, a client could fill the memory with names that it no longer uses.
            if (unused.Add(entry, address).FirstOrDefault(CanUnsubscribe) is { } excess)
                Expire(excess);
        }
    }

    /// <summary>Unsubscribes the names that have been unused for at least that long.</summary>
    public void ExpireUnused(TimeSpan linger)
    {
        lock (gate)
        {
            foreach (var entry in unused.All.Where(entry => CanUnsubscribe(entry) && time.GetElapsedTime(entry.UnusedSince) >= linger).ToList())
                Expire(entry);
        }
    }

    /// <summary>Redis does not allow a name or a cover: removes its entries. For later subscribers, Notifier subscribes the names again.</summary>
    public void OnDenied(RedisSubscription refused)
    {
        lock (gate)
        {
            foreach (var entry in entries.Values.Where(entry => entry.Redis == refused).ToList())
                Remove(entry);
            Overlap.Forget(refused);
        }
    }

    // A name must not be unsubscribed before Redis has confirmed it (see RedisSubscription), so it lingers until then.
    private bool CanUnsubscribe(NameEntry entry) => backplane.IsSettled && entry.Redis.IsConfirmed;

    private void Expire(NameEntry entry)
    {
        Remove(entry);
        if (entry.Cover is { } cover)
            covers.Remove(cover, entry.Subscription);
        else
            entry.Redis.Release();
    }

    private void Remove(NameEntry entry)
    {
        entries.Remove(entry.Subscription.Name);
        unused.Remove(entry);
        if (entry.SubscriberCount > 0)
            names.Remove(entry);
        quota.Remove(entry);
        if (entry is { Cover: null, Subscription.Pattern: { } pattern })
            Overlap.Remove(pattern);
        names.OnRemoved(entry);
        entry.Subscription.Discard();
    }

    public void Dispose() => names.Dispose();
}

/// <summary>A name that is subscribed on this node. Under the lock of <see cref="NameEntries"/>.</summary>
/// <param name="subscription">The name's log and subscribers.</param>
/// <param name="redis">The name's subscription in Redis, or that of its cover.</param>
/// <param name="cover">The cover, or null.</param>
internal sealed class NameEntry(Subscription subscription, RedisSubscription redis, Cover? cover)
{
    public Subscription Subscription => subscription;

    public RedisSubscription Redis => redis;

    public Cover? Cover => cover;

    /// <summary>How many subscribers the name has.</summary>
    public int SubscriberCount { get; set; }

    /// <summary>When the last subscriber left.</summary>
    public long UnusedSince { get; set; }

    /// <summary>The address for which the name counts while it has subscribers, and when it is removed: that of the first one.</summary>
    public ClientAddress UsedBy { get; set; }
}
