using Notifier.Messages;
using Notifier.Redis.Receiver;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>The names that this node has subscribed in Redis, each once. Thread-safe.</summary>
internal sealed class RedisSubscriptions(RedisBackplane backplane, RedisNames redisNames, SubscribedNames names, ILogger<RedisSubscriptions> logger)
{
    /// <summary>The reason that subscribers get when Redis refuses a name.</summary>
    private const string NotAllowed = "Redis does not allow this name (its ACL)";

    private readonly Lock gate = new();
    private readonly Dictionary<RedisChannel, RedisSubscription> all = [];

    /// <summary>Redis does not allow a name, or no longer. Raised before the sink is notified.</summary>
    public event Action<RedisSubscription>? Denied;

    /// <summary>Subscribes the sink's name. Messages arrive once <see cref="RedisSubscription.Live"/> has completed.</summary>
    public RedisSubscription Subscribe(IMessageSink sink) => Subscribe(sink, redisNames.ToRedis(sink.Name));

    /// <summary>Subscribes a channel that no client can subscribe.</summary>
    public RedisSubscription Subscribe(IMessageSink sink, RedisChannel channel)
    {
        lock (gate)
        {
            if (!all.TryGetValue(channel, out var subscription))
            {
                var name = new SubscribedName((byte[])channel!, channel.IsPattern);
                names.Add(name);
                all.Add(channel, subscription = new(this, backplane, channel, name, logger));
            }
            subscription.Attach(sink);
            return subscription;
        }
    }

    /// <summary>Subscribes the names again that Redis does not have: it returned without them, or the library did not report a loss.</summary>
    public void Reconcile()
    {
        List<RedisSubscription> unconfirmed;
        lock (gate)
            unconfirmed = [.. all.Values.Where(static subscription => !subscription.IsConfirmed)];
        foreach (var subscription in unconfirmed)
            subscription.Reconcile();
    }

    /// <summary>Called by a worker that has ended.</summary>
    public void RemoveIfDone(RedisSubscription subscription)
    {
        lock (gate)
        {
            if (subscription.IsDone)
                Remove(subscription);
        }
    }

    /// <summary>Called by a worker whose name Redis does not allow. A later subscriber asks Redis again.</summary>
    public void OnDenied(RedisSubscription subscription)
    {
        IMessageSink? removed;
        lock (gate)
        {
            removed = subscription.Refuse(NotAllowed);
            Remove(subscription);
        }
        if (removed is not null)
        {
            Denied?.Invoke(subscription);
            removed.OnDenied(NotAllowed);
        }
        subscription.EndRefusal();
    }

    private void Remove(RedisSubscription subscription)
    {
        if (!all.TryGetValue(subscription.Channel, out var current) || current != subscription)
            return;
        all.Remove(subscription.Channel);
        names.Remove(subscription.Name);
    }
}
