using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>
/// A pattern that is subscribed in Redis in place of all names that it contains: it delivers each message to those names that match. So a pattern per
/// client costs Redis nothing. Thread-safe.
/// </summary>
internal sealed class Cover(Name name, SubscriptionContext context) : IMessageSink
{
    /// <summary>
    /// The end of an automatic cover: more stars than a client's pattern may have, so that the cover is never a client's name. A run of stars matches the same as
    /// one.
    /// </summary>
    public static readonly string AutomaticEnd = new('*', 17);

    /// <summary>Guards the names. Not locked while messages are encoded or sent.</summary>
    private readonly Lock gate = new();
    private readonly SubscriptionIndex names = new();

    // Used by the thread that delivers only.
    private readonly List<Subscription> matching = [];

    public Name Name => name;

    public RedisPattern Pattern { get; } = RedisPattern.Parse(name.Text);

    /// <summary>Whether Notifier chose the cover itself.</summary>
    public bool IsAutomatic => name.Text.EndsWith(AutomaticEnd, StringComparison.Ordinal);

    public bool IsEmpty
    {
        get
        {
            lock (gate)
                return names.Count == 0;
        }
    }

    /// <summary>From now on the subscription receives the messages that it matches, in the order in which Redis delivers them.</summary>
    public void Add(Subscription subscription)
    {
        lock (gate)
            names.Add(subscription);
    }

    public void Remove(Subscription subscription)
    {
        lock (gate)
            names.Remove(subscription);
    }

    /// <summary>How many patterns have the same literal prefix as this one: all of them are matched against the same channels.</summary>
    public int CountAlike(RedisPattern pattern)
    {
        lock (gate)
            return names.CountAlike(pattern);
    }

    public void Deliver(ReadOnlySpan<Message> messages, List<IBroadcast> due)
    {
        context.Metrics.OnReceived(messages);
        foreach (ref readonly var message in messages)
        {
            matching.Clear();
            lock (gate)
                names.Find(message.Channel.Span, matching);
            foreach (var subscription in matching)
                subscription.Deliver([subscription.Pattern is null ? message.WithoutChannel() : message], due);
        }
    }

    public void OnGap(GapCode code, List<IBroadcast> due)
    {
        foreach (var subscription in Subscriptions())
            subscription.OnGap(code, due);
    }

    public void OnDenied(string reason)
    {
        foreach (var subscription in Subscriptions())
            subscription.OnDenied(reason);
    }

    private List<Subscription> Subscriptions()
    {
        lock (gate)
            return [.. names];
    }
}
