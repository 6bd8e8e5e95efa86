using System.Diagnostics.CodeAnalysis;
using Notifier.Access;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>Why a connection with this grant may not subscribe to a name; null if it may.</summary>
internal delegate NameRefusal? NameCheck(Connection connection, Name name, Grant grant);

/// <summary>
/// The names that one connection is subscribed to, and the checks before it may subscribe to one more: the name's validity, the caller's grant, and the
/// limits. Used by the connection's receive loop only.
/// </summary>
/// <param name="connection">The connection.</param>
/// <param name="grant">The caller's grant at first.</param>
/// <param name="hub">Subscribes the connection.</param>
/// <param name="check">Checks each name.</param>
/// <param name="limits">How many names a connection may subscribe to.</param>
internal sealed class ClientSubscriptions(Connection connection, Grant grant, SubscriptionHub hub, NameCheck check, LimitsOptions limits)
{
    private SmallDictionary<Name, ClientSubscription> subscriptions;
    private int patterns;

    public bool Contains(Name name) => subscriptions.TryGetValue(name, out _);

    public bool TryGet(Name name, out ClientSubscription found) => subscriptions.TryGetValue(name, out found);

    /// <summary>Subscribes the connection to a name that it is not subscribed to.</summary>
    /// <param name="name">Any name.</param>
    /// <param name="onDenied">Called, from any thread, with the reason when Redis does not allow the name, now or later; perhaps twice.</param>
    /// <param name="request">Which earlier messages the client wants.</param>
    /// <param name="added">The subscription.</param>
    /// <param name="refusal">Why the name is refused.</param>
    public bool TryAdd(
        Name name, Action<Subscriber, string> onDenied, RecoveryRequest request, out ClientSubscription added, [NotNullWhen(false)] out NameRefusal? refusal)
    {
        added = default;
        if (request.Last > limits.LastMessages)
            request = request with { Last = limits.LastMessages };
        refusal = check(connection, name, grant) ?? CheckLimits(name);
        if (refusal is not null || !hub.TrySubscribe(connection, name, MayReceive, onDenied, request, out added, out refusal))
        {
            hub.OnRefused(refusal.Kind);
            return false;
        }
        subscriptions.Add(name, added);
        if (name.Kind == NameKind.Pattern)
            patterns++;
        return true;
    }

    /// <summary>Unsubscribes a name, then calls <paramref name="then"/>, as the owner. False if the connection is not subscribed to it.</summary>
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
        // Now, because a client that reads nothing delays the above.
        removed.Subscriber.CancelReads();
        return true;
    }

    /// <summary>
    /// Changes the grant: unsubscribes every name that the new one does not allow, and calls <paramref name="revoked"/> for it, as the owner, so that no
    /// message of the name follows.
    /// </summary>
    public void Apply(Grant current, Action<Subscriber> revoked)
    {
        grant = current;
        foreach (var (name, _) in subscriptions.Snapshot())
        {
            if (current.Check(name) is not null)
                TryRemove(name, revoked);
        }
    }

    /// <summary>Unsubscribes all names. Called after the connection was retired.</summary>
    public void Clear()
    {
        foreach (var (_, one) in subscriptions.Snapshot())
            hub.Unsubscribe(one.Subscriber);
        subscriptions.Clear();
        patterns = 0;
    }

    private bool MayReceive(Name cover) => grant.Check(cover) is null;

    private NameRefusal? CheckLimits(Name name)
    {
        if (IsFull || IsFullOfPatterns(name))
            RemoveRefused();
        if (IsFull)
            return LimitReached(limits.NamesPerConnection, "name");
        if (IsFullOfPatterns(name))
            return LimitReached(limits.PatternsPerConnection, "pattern");
        return null;
    }

    private static NameRefusal LimitReached(int limit, string noun) =>
        NameRefusal.Forbidden($"limit of {limit} {noun}{(limit == 1 ? "" : "s")} per connection reached");

    private bool IsFull => subscriptions.Count == limits.NamesPerConnection;

    private bool IsFullOfPatterns(Name name) => name.Kind == NameKind.Pattern && patterns == limits.PatternsPerConnection;

    /// <summary>
    /// Removes the names that Redis has refused: the client is not subscribed to them, and cannot unsubscribe. A refusal arrives in another thread than the
    /// receive loop, so such a name remains here until its place is needed.
    /// </summary>
    private void RemoveRefused()
    {
        foreach (var (name, one) in subscriptions.Snapshot())
        {
            if (one.Subscriber.Refusal is not null)
                TryRemove(name, static _ => { });
        }
    }
}
