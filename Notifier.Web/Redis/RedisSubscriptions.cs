using Notifier.Messages;
using Notifier.Redis.Receiver;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>What this node has subscribed in Redis: each name once. Thread-safe.</summary>
internal sealed class RedisSubscriptions(RedisBackplane backplane, RedisNames prefix, SubscribedNames names, ILogger<RedisSubscriptions> logger)
{
    /// <summary>Why Redis refuses a name.</summary>
    private const string NotAllowed = "Redis does not allow this name (its ACL)";

    private readonly Lock gate = new();
    private readonly Dictionary<RedisChannel, RedisSubscription> all = [];

    /// <summary>Redis does not allow a name, or no longer. Its sink is told after that.</summary>
    public event Action<RedisSubscription>? Refused;

    /// <summary>Has its messages go to the sink; they come once <see cref="RedisSubscription.Live"/> has completed.</summary>
    public RedisSubscription Subscribe(IMessageSink sink) => Subscribe(sink, prefix.ToRedis(sink.Name));

    /// <summary>The same for a channel that no client can have.</summary>
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

    /// <summary>Asks again for what Redis does not have: it came back without it, or nobody has told of a loss.</summary>
    public void Reconcile()
    {
        List<RedisSubscription> unconfirmed;
        lock (gate)
            unconfirmed = [.. all.Values.Where(static subscription => !subscription.IsConfirmed)];
        foreach (var subscription in unconfirmed)
            subscription.Reconcile();
    }

    /// <summary>Called by a worker that has nothing more to do.</summary>
    public void RemoveIfOver(RedisSubscription subscription)
    {
        lock (gate)
        {
            if (subscription.IsOver)
                Remove(subscription);
        }
    }

    /// <summary>Called by a worker. Whoever wants the name from now on asks anew.</summary>
    public void Refuse(RedisSubscription subscription)
    {
        IMessageSink? told;
        lock (gate)
        {
            told = subscription.Refuse(NotAllowed);
            Remove(subscription);
        }
        if (told is not null)
        {
            Refused?.Invoke(subscription);
            told.Refuse(NotAllowed);
        }
        subscription.EndRefusal();
    }

    private void Remove(RedisSubscription subscription)
    {
        if (!all.TryGetValue(subscription.Channel, out var present) || present != subscription)
            return;
        all.Remove(subscription.Channel);
        names.Remove(subscription.Name);
    }
}
