using System.Runtime.InteropServices;
using Notifier.Access;
using Notifier.Messages;
using StackExchange.Redis;

namespace Notifier.Hub;

/// <summary>
/// A pattern that is subscribed in Redis in place of all names that it contains: its one loop gives each message to those of
/// them that match it. So a pattern for each visitor costs Redis nothing. Thread-safe.
/// </summary>
internal sealed class Cover(Name name, SubscriptionTraits traits) : Intake(name, traits)
{
    /// <summary>A list for more messages than this is not kept for the next batch.</summary>
    private const int LargestSpare = 64;

    /// <summary>Guards the names. Never held while framing, sending or logging.</summary>
    private readonly Lock gate = new();
    private readonly CoveredNames names = new();

    // Of the loop alone.
    private readonly List<Subscription> matching = [];
    private readonly Dictionary<Subscription, List<Message>> sorted = [];
    private readonly Stack<List<Message>> spare = [];

    public bool IsEmpty
    {
        get
        {
            lock (gate)
                return names.Count == 0;
        }
    }

    /// <summary>From now on it gets what it matches, in the order in which Redis delivers it.</summary>
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

    /// <summary>How many patterns are tried for just the channels that this one is tried for.</summary>
    public int CountAlike(RedisPattern pattern)
    {
        lock (gate)
            return names.CountAlike(pattern);
    }

    public override void NoteGap(GapCode code)
    {
        foreach (var subscription in Subscriptions())
            subscription.NoteGap(code);
    }

    public override void Refuse(string reason)
    {
        foreach (var subscription in Subscriptions())
            subscription.Refuse(reason);
    }

    protected override Passed Pass(ChannelMessageQueue queue, ChannelMessage delivery)
    {
        var passed = Sort(queue, delivery);
        try
        {
            foreach (var (subscription, messages) in sorted)
            {
                subscription.Pass(CollectionsMarshal.AsSpan(messages));
                Spare(messages);
            }
        }
        finally
        {
            sorted.Clear();     // also when one failed: nothing may be passed on twice
        }
        return passed;
    }

    /// <summary>Takes what is there, and sorts it by name: each name gets its share of the batch in one go.</summary>
    private Passed Sort(ChannelMessageQueue queue, ChannelMessage delivery)
    {
        var taken = 0;
        var bytes = 0;
        var payload = 0;
        do
        {
            payload += (int)delivery.Message.Length();
            if (Traits.ChannelOf(delivery) is not { } channel)
                continue;
            matching.Clear();
            lock (gate)
                names.Find(channel, matching);
            foreach (var subscription in matching)
            {
                var message = Traits.Accept(subscription.Name, subscription.Pattern is null ? null : channel, delivery);
                Waiting(subscription).Add(message);
                bytes += message.Size;
            }
        }
        while (++taken < PassScratch.MostMessages && bytes < FrameBatch.Full && queue.TryRead(out delivery));
        return new(taken, payload, taken == PassScratch.MostMessages || bytes >= FrameBatch.Full);
    }

    private List<Message> Waiting(Subscription subscription)
    {
        if (!sorted.TryGetValue(subscription, out var waiting))
            sorted.Add(subscription, waiting = spare.TryPop(out var emptied) ? emptied : []);
        return waiting;
    }

    private void Spare(List<Message> emptied)
    {
        emptied.Clear();
        if (emptied.Capacity <= LargestSpare && spare.Count < PassScratch.MostMessages)
            spare.Push(emptied);
    }

    private List<Subscription> Subscriptions()
    {
        lock (gate)
            return [.. names];
    }
}
