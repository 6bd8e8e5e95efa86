using Notifier.Redis;

namespace Notifier.Hub;

/// <summary>A name that is subscribed on this node, and where its messages come from. Under the hub's lock.</summary>
/// <param name="subscription">The name's log and subscribers.</param>
/// <param name="redis">Its own subscription in Redis, or that of the cover it is under.</param>
/// <param name="cover">The cover it is under; null for none.</param>
internal sealed class NameEntry(Subscription subscription, RedisSubscription redis, Cover? cover)
{
    public Subscription Subscription => subscription;

    public RedisSubscription Redis => redis;

    public Cover? Cover => cover;

    /// <summary>How many connections hold it.</summary>
    public int References { get; set; }

    /// <summary>When the last one let go of it.</summary>
    public long UnwantedSince { get; set; }
}
