using Notifier.Access;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>
/// The names that one connection holds, and all that decides whether it may hold one more: how the name is formed, what the
/// visitor is granted, and how many there are. Called by the connection's receive loop alone.
/// </summary>
/// <param name="connection">Who holds them.</param>
/// <param name="grant">What the visitor may have at first.</param>
/// <param name="hub">Where they are subscribed.</param>
/// <param name="rules">What a name may look like.</param>
/// <param name="limits">How many a connection may hold.</param>
internal sealed class ClientSubscriptions(Connection connection, Grant grant, SubscriptionHub hub, NameRules rules, LimitsOptions limits)
{
    private readonly Dictionary<Name, ClientSubscription> subscriptions = new(1);
    private int patterns;

    public bool Contains(Name name) => subscriptions.ContainsKey(name);

    public bool TryGet(Name name, out ClientSubscription found) => subscriptions.TryGetValue(name, out found);

    /// <summary>Subscribes the connection to a name that it does not hold.</summary>
    /// <param name="name">Whatever was asked for.</param>
    /// <param name="refused">
    /// Called, from any thread, with the reason when Redis refuses the name, now or later; perhaps twice.
    /// </param>
    /// <param name="replay">What is wanted of the messages before.</param>
    /// <param name="added">The name, when it is held from now on.</param>
    /// <returns>Null when it is held from now on.</returns>
    public NameRefusal? TryAdd(Name name, Action<Subscriber, string> refused, ReplayRequest replay, out ClientSubscription added)
    {
        added = default;
        if ((rules.Check(name) ?? grant.Check(name) ?? CheckRoom(name)) is { } refusal)
            return Refuse(refusal);
        if (hub.TrySubscribe(connection, name, refused, replay, out added) is { } full)
            return Refuse(full);
        subscriptions.Add(name, added);
        if (name.Kind == NameKind.Pattern)
            patterns++;
        return null;
    }

    private NameRefusal Refuse(NameRefusal refusal)
    {
        hub.OnRefused(refusal.Kind);
        return refusal;
    }

    /// <summary>Lets go of a name, then runs what is to follow, as the owner. False when it is not held.</summary>
    public bool TryRemove(Name name, Action<Subscriber> then)
    {
        if (!subscriptions.Remove(name, out var removed))
            return false;
        if (name.Kind == NameKind.Pattern)
            patterns--;
        connection.Post(() =>
        {
            hub.Unsubscribe(removed.Subscriber);
            then(removed.Subscriber);
        });
        return true;
    }

    /// <summary>
    /// From now on this is what the visitor may have: lets go of every name that it does not allow, and runs what is to follow, as the
    /// owner, so that no message of the name comes after that.
    /// </summary>
    public void Apply(Grant now, Action<Subscriber> revoked)
    {
        grant = now;
        foreach (var name in subscriptions.Keys.Where(name => now.Check(name) is not null).ToList())
            TryRemove(name, revoked);
    }

    /// <summary>Lets go of all. After the connection was retired.</summary>
    public void Clear()
    {
        foreach (var name in subscriptions.Values)
            hub.Unsubscribe(name.Subscriber);
        subscriptions.Clear();
        patterns = 0;
    }

    private NameRefusal? CheckRoom(Name name)
    {
        if (IsFull || IsFullOfPatterns(name))
            RemoveRefused();
        if (IsFull)
            return NameRefusal.Forbidden($"a connection may hold {limits.NamesPerConnection} names");
        if (IsFullOfPatterns(name))
            return NameRefusal.Forbidden($"a connection may hold {limits.PatternsPerConnection} patterns");
        return null;
    }

    private bool IsFull => subscriptions.Count == limits.NamesPerConnection;

    private bool IsFullOfPatterns(Name name) => name.Kind == NameKind.Pattern && patterns == limits.PatternsPerConnection;

    /// <summary>
    /// What Redis refused the client does not have, and cannot unsubscribe from. It is found out by others than the receive loop,
    /// so it stays here until its place is needed.
    /// </summary>
    private void RemoveRefused()
    {
        foreach (var (name, one) in subscriptions)
        {
            if (one.Subscriber.Refusal is not null)
                TryRemove(name, static _ => { });   // a dictionary may lose what is being looked at
        }
    }
}

/// <summary>A name as a connection holds it.</summary>
/// <param name="Subscriber">The connection's place in the name.</param>
/// <param name="Live">
/// Completes when Redis has confirmed the name, and it is known where its messages begin: with null; or with the reason, when Redis refuses
/// it. While Redis is away, it waits.
/// </param>
internal readonly record struct ClientSubscription(Subscriber Subscriber, Task<string?> Live);
