using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Names;
using Notifier.Redis;

namespace Notifier.Hub;

/// <summary>The patterns of <c>Redis:Covers</c>. Immutable.</summary>
internal sealed class Covers(IOptions<RedisOptions> options)
{
    private readonly (Name Name, RedisPattern Pattern)[] covers =
        [.. options.Value.Covers.Select(text => (Name.Pattern(text), RedisPattern.Parse(text)))];

    /// <summary>The first cover that contains the name, or null. A cover that is too complex to compare counts as one that does not contain the name.</summary>
    public Name? Find(Name name)
    {
        foreach (var cover in covers)
        {
            if (Contains(cover.Pattern, name))
                return cover.Name;
        }
        return null;
    }

    private static bool Contains(RedisPattern cover, Name name) => name.Kind == NameKind.Channel
        ? cover.Matches(Encoding.UTF8.GetBytes(name.Text))
        : Containment.Prove(RedisPattern.Parse(name.Text), [cover]).Holds;
}

/// <summary>The covers that are subscribed in Redis: each from its first name until its last one has left. Under the lock of <see cref="NameEntries"/>.</summary>
internal sealed class LiveCovers(RedisSubscriptions redis, SubscriptionContext context)
{
    private readonly Dictionary<Name, (Cover Cover, RedisSubscription Redis)> live = [];

    /// <summary>The cover with that name; null if it is not subscribed.</summary>
    public Cover? Find(Name name) => live.TryGetValue(name, out var found) ? found.Cover : null;

    /// <summary>The covers that Notifier chose itself.</summary>
    public IEnumerable<Cover> Automatic => live.Values.Select(static one => one.Cover).Where(static cover => cover.IsAutomatic);

    /// <summary>Adds a subscription to a cover, which delivers matching messages to it. Subscribes the cover in Redis if it is new.</summary>
    public (Cover Cover, RedisSubscription Redis) Add(Name name, Subscription subscription)
    {
        if (!live.TryGetValue(name, out var found))
        {
            var cover = new Cover(name, context);
            cover.Add(subscription);
            live.Add(name, found = (cover, redis.Subscribe(cover)));
            return found;
        }
        found.Cover.Add(subscription);
        return found;
    }

    /// <summary>Redis does not allow the cover: removes it.</summary>
    /// <returns>Whether it was an automatic one.</returns>
    public bool Forget(RedisSubscription refused)
    {
        var wasAutomatic = false;
        foreach (var (name, (cover, _)) in live.Where(pair => pair.Value.Redis == refused).ToList())
        {
            live.Remove(name);
            wasAutomatic |= cover.IsAutomatic;
        }
        return wasAutomatic;
    }

    public void Remove(Cover cover, Subscription subscription)
    {
        cover.Remove(subscription);
        if (cover.IsEmpty && live.Remove(cover.Name, out var left))
            left.Redis.Release();
    }
}
