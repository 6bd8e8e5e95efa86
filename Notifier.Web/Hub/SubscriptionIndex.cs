using System.Collections;
using System.Text;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>
/// Finds the names that match a channel without testing each: channels by their text, patterns by their literal prefix, which ends before the first
/// wildcard. The time depends on how many different lengths the prefixes have, and on how many patterns share a prefix of the channel. Not thread-safe.
/// </summary>
internal sealed class SubscriptionIndex : IEnumerable<Subscription>
{
    private readonly Dictionary<byte[], Subscription> channels = new(ByteArrayComparer.Instance);
    private readonly Dictionary<byte[], List<Subscription>> patterns = new(ByteArrayComparer.Instance);

    /// <summary>The lengths of the prefixes in use, and how many prefixes have each.</summary>
    private readonly SortedList<int, int> lengths = [];

    public int Count { get; private set; }

    public void Add(Subscription subscription)
    {
        Count++;
        if (subscription.Pattern is not { } pattern)
        {
            channels.Add(Encoding.UTF8.GetBytes(subscription.Name.Text), subscription);
            return;
        }
        var prefix = pattern.LiteralPrefix.ToArray();
        if (!patterns.TryGetValue(prefix, out var alike))
        {
            patterns.Add(prefix, alike = new(1));
            lengths[prefix.Length] = lengths.GetValueOrDefault(prefix.Length) + 1;
        }
        alike.Add(subscription);
    }

    public void Remove(Subscription subscription)
    {
        Count--;
        if (subscription.Pattern is not { } pattern)
        {
            channels.Remove(Encoding.UTF8.GetBytes(subscription.Name.Text));
            return;
        }
        var prefix = pattern.LiteralPrefix.ToArray();
        var alike = patterns[prefix];
        alike.Remove(subscription);
        if (alike.Count > 0)
            return;
        patterns.Remove(prefix);
        if (--lengths[prefix.Length] == 0)
            lengths.Remove(prefix.Length);
    }

    /// <summary>How many patterns have the same literal prefix.</summary>
    public int CountAlike(RedisPattern pattern) =>
        patterns.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(pattern.LiteralPrefix, out var alike) ? alike.Count : 0;

    /// <summary>Adds all that match the channel to <paramref name="found"/>.</summary>
    public void Find(ReadOnlySpan<byte> channel, List<Subscription> found)
    {
        if (channels.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(channel, out var same))
            found.Add(same);
        var byPrefix = patterns.GetAlternateLookup<ReadOnlySpan<byte>>();
        for (var i = 0; i < lengths.Count && lengths.GetKeyAtIndex(i) <= channel.Length; i++)
        {
            if (!byPrefix.TryGetValue(channel[..lengths.GetKeyAtIndex(i)], out var alike))
                continue;
            foreach (var subscription in alike)
            {
                if (subscription.Pattern!.Matches(channel))
                    found.Add(subscription);
            }
        }
    }

    public IEnumerator<Subscription> GetEnumerator() => channels.Values.Concat(patterns.Values.SelectMany(alike => alike)).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
