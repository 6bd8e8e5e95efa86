using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>
/// Limits the patterns of this node, and of one address, that have to be matched against messages of other names, because each makes every PUBLISH slower.
/// Under the lock of <see cref="NameEntries"/>.
/// </summary>
internal sealed class PatternQuota(LimitsOptions limits)
{
    /// <summary>
    /// How many patterns with the same literal prefix may be under a cover before one more counts. They are found by their prefix, and then each is matched:
    /// beyond this number, that costs as much as in Redis.
    /// </summary>
    public const int FreeUnderCover = 100;

    private readonly HashSet<NameEntry> counted = [];
    private readonly Dictionary<ClientAddress, Dictionary<NameEntry, int>> shares = [];

    public bool IsFull => counted.Count >= limits.DistinctPatterns;

    /// <summary>Lingering patterns, which others may replace.</summary>
    public IEnumerable<NameEntry> Unused => counted.Where(entry => entry.SubscriberCount == 0);

    public NameRefusal Full() => NameRefusal.Overloaded(
        $"limit of {limits.DistinctPatterns} pattern{(limits.DistinctPatterns == 1 ? "" : "s")} per server reached (Limits:DistinctPatterns); "
        + "use a channel, or try again later");

    /// <summary>Whether the address may subscribe to one more pattern, or to this one once more.</summary>
    public NameRefusal? CheckShare(ClientAddress address, NameEntry? entry) =>
        !address.IsUnknown && shares.TryGetValue(address, out var share) && share.Count >= address.ShareOf(limits.DistinctPatterns)
            && (entry is null || !share.ContainsKey(entry))
            ? NameRefusal.Overloaded($"limit of {Patterns(share.Count)} per address reached; use a channel, or try again later")
            : null;

    private static string Patterns(int count) => $"{count} different pattern{(count == 1 ? "" : "s")}";

    public void Add(NameEntry entry) => counted.Add(entry);

    public bool Contains(NameEntry entry) => counted.Contains(entry);

    public void Remove(NameEntry entry)
    {
        if (!counted.Remove(entry))
            return;
        // If Redis has refused the name, its subscribers leave later, and Release does not find the entry then.
        foreach (var (address, share) in shares)
        {
            if (share.Remove(entry) && share.Count == 0)
                shares.Remove(address);
        }
    }

    /// <summary>A connection of this address has subscribed to the pattern.</summary>
    public void Acquire(ClientAddress address, NameEntry entry)
    {
        if (address.IsUnknown || !counted.Contains(entry))
            return;
        if (!shares.TryGetValue(address, out var share))
            shares.Add(address, share = []);
        share[entry] = share.GetValueOrDefault(entry) + 1;
    }

    public void Release(ClientAddress address, NameEntry entry)
    {
        if (address.IsUnknown || !shares.TryGetValue(address, out var share) || !share.TryGetValue(entry, out var times))
            return;
        if (times > 1)
            share[entry] = times - 1;
        else if (share.Remove(entry) && share.Count == 0)
            shares.Remove(address);
    }
}
