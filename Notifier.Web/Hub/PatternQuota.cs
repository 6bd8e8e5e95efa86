using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>
/// How many patterns this node, and one address, may have that are tried for messages that they do not match: each makes
/// every PUBLISH slower for everybody. Under the hub's lock.
/// </summary>
internal sealed class PatternQuota(LimitsOptions limits)
{
    /// <summary>
    /// So many patterns of the same beginning may be under a cover before one more counts. Up to there they are found by
    /// what they begin with; with more, trying them costs what it would cost in Redis.
    /// </summary>
    public const int FreeUnderCover = 100;

    private readonly HashSet<NameEntry> counted = [];
    private readonly Dictionary<ClientAddress, Dictionary<NameEntry, int>> shares = [];
    private readonly int largestShare = Math.Max(1, limits.DistinctPatterns / 20);

    public bool IsFull => counted.Count >= limits.DistinctPatterns;

    /// <summary>Those that nobody holds: they may make room for others.</summary>
    public IEnumerable<NameEntry> Unwanted => counted.Where(entry => entry.References == 0);

    public NameRefusal Full() => NameRefusal.Overloaded(
        $"too many patterns: this server has its {limits.DistinctPatterns} (Limits:DistinctPatterns); ask for a channel, or later");

    /// <summary>Whether the address may hold one more, or this one once more.</summary>
    public NameRefusal? CheckShare(ClientAddress address, NameEntry? entry) =>
        !address.IsUnknown && shares.TryGetValue(address, out var share) && share.Count >= largestShare && (entry is null || !share.ContainsKey(entry))
            ? NameRefusal.Overloaded($"too many patterns: one address may hold {largestShare} different ones; ask for a channel, or later")
            : null;

    public void Add(NameEntry entry) => counted.Add(entry);

    public bool Contains(NameEntry entry) => counted.Contains(entry);

    public void Remove(NameEntry entry)
    {
        if (!counted.Remove(entry))
            return;
        // Those who hold a name that Redis has refused let go of it later, and it is not found then.
        foreach (var (address, share) in shares)
        {
            if (share.Remove(entry) && share.Count == 0)
                shares.Remove(address);
        }
    }

    /// <summary>A connection of this address holds the pattern from now on.</summary>
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
