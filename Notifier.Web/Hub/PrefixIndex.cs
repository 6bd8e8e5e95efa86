using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>The literal prefixes of patterns, and how many of them are the beginnings of one another. Not thread-safe.</summary>
internal sealed class PrefixIndex
{
    private static readonly Comparer<byte[]> InOrder = Comparer<byte[]>.Create(static (one, other) => one.AsSpan().SequenceCompareTo(other));

    private readonly Dictionary<byte[], int> counts = new(ByteArrayComparer.Instance);
    private readonly SortedSet<byte[]> sorted = new(InOrder);

    public void Add(ReadOnlySpan<byte> prefix)
    {
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<byte>>();
        if (lookup.TryGetValue(prefix, out var count))
        {
            lookup[prefix] = count + 1;
            return;
        }
        var added = prefix.ToArray();
        counts.Add(added, 1);
        sorted.Add(added);
    }

    public void Remove(ReadOnlySpan<byte> prefix)
    {
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<byte>>();
        var left = lookup[prefix] - 1;
        if (left > 0)
        {
            lookup[prefix] = left;
            return;
        }
        lookup.Remove(prefix, out var removed, out _);
        sorted.Remove(removed!);
    }

    /// <summary>How many of the prefixes one channel that begins with this prefix can have: the beginnings of this one, and the longest chain of longer ones.</summary>
    public int CountOverlapping(ReadOnlySpan<byte> prefix)
    {
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<byte>>();
        var shorter = 0;
        for (var length = 0; length <= prefix.Length; length++)
            shorter += lookup.TryGetValue(prefix[..length], out var count) ? count : 0;

        var (most, now) = (0, 0);
        var beginnings = new Stack<byte[]>();
        // Their order puts each prefix after its own beginnings. No prefix contains the byte FF, because it is UTF-8.
        foreach (var next in sorted.GetViewBetween([.. prefix, 0], [.. prefix, 0xFF]))
        {
            while (beginnings.TryPeek(out var last) && !next.AsSpan().StartsWith(last))
                now -= counts[beginnings.Pop()];
            beginnings.Push(next);
            now += counts[next];
            most = Math.Max(most, now);
        }
        return shorter + most;
    }
}
