using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>
/// Limits the names with subscribers of this node, and of one address, and how often an address replaces them. A name counts for the address of its first
/// subscriber, however many follow: an entry for each address and name would cost more than the names. Under the lock of <see cref="NameEntries"/>.
/// </summary>
internal sealed class NameQuota(LimitsOptions limits) : IDisposable
{
    /// <summary>How many names an address may replace for each of its requests: most clients have a few, and load pages with others.</summary>
    private const int NamesPerRequest = 4;

    /// <summary>So many names are refused one by one.</summary>
    public const int FewNames = 16;

    /// <summary>How many seconds' worth of names may be replaced at once.</summary>
    private const int BurstSeconds = 4;

    /// <summary>After a mass of clients has left at once, they may come back soon.</summary>
    private static readonly TimeSpan MaxDebt = TimeSpan.FromSeconds(10);

    private readonly int limit = limits.NamesOfNode;
    private readonly Dictionary<ClientAddress, int> counts = [];
    private readonly OwnerRate replaced = new(owner => (PerSecond(owner, limits), PerSecond(owner, limits) * BurstSeconds), MaxDebt);
    private int total;

    /// <summary>Whether the address may be the first to subscribe to a name.</summary>
    public NameRefusal? Check(ClientAddress address) =>
        total >= limit ? Full(limit, "server")
        : address.ShareOf(limit) is var share && counts.GetValueOrDefault(address) >= share ? Full(share, "address")
        : null;

    /// <summary>
    /// Whether the address may subscribe to a name that is new to the node. A new name is free as long as it is used, so that all clients can subscribe at once
    /// after an outage. It is charged when it is removed: a client that subscribes to ever new names costs Redis two commands for each.
    /// </summary>
    public NameRefusal? CheckNew(ClientAddress address) => ResourceOwner.Of(address) is var owner && replaced.IsExhausted(owner)
        ? NameRefusal.Overloaded($"your address may replace {PerSecond(owner, limits)} names a second ({NamesPerRequest} times Limits:RequestsPerSecond); try again later")
        : null;

    /// <summary>The name is no longer subscribed on the node.</summary>
    public void OnRemoved(NameEntry entry) => replaced.Charge(ResourceOwner.Of(entry.UsedBy), 1);

    public void Dispose() => replaced.Dispose();

    /// <summary>The name has its first subscriber.</summary>
    public void Add(NameEntry entry, ClientAddress address)
    {
        entry.UsedBy = address;
        counts[address] = counts.GetValueOrDefault(address) + 1;
        total++;
    }

    /// <summary>The name has lost its last subscriber, or all of them.</summary>
    public void Remove(NameEntry entry)
    {
        total--;
        if (--counts[entry.UsedBy] == 0)
            counts.Remove(entry.UsedBy);
    }

    private static int PerSecond(ResourceOwner owner, LimitsOptions limits) => owner.RateOf(limits.RequestsPerSecond) * NamesPerRequest;

    private static NameRefusal Full(int count, string whose) =>
        NameRefusal.Overloaded($"limit of {count} different name{(count == 1 ? "" : "s")} per {whose} reached (Limits:DistinctNames); try again later");
}
