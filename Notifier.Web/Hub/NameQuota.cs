using Notifier.Connections;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>
/// Limits the names with subscribers of this node, and of one address. A name counts for the address of its first subscriber, however many follow: an entry
/// for each address and name would cost more than the names. Under the lock of <see cref="NameEntries"/>.
/// </summary>
internal sealed class NameQuota(int limit)
{
    private readonly Dictionary<ClientAddress, int> counts = [];
    private int total;

    /// <summary>Whether the address may be the first to subscribe to a name.</summary>
    public NameRefusal? Check(ClientAddress address) =>
        total >= limit ? Full(limit, "server")
        : address.ShareOf(limit) is var share && counts.GetValueOrDefault(address) >= share ? Full(share, "address")
        : null;

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

    private static NameRefusal Full(int count, string whose) =>
        NameRefusal.Overloaded($"limit of {count} different name{(count == 1 ? "" : "s")} per {whose} reached (Limits:DistinctNames); try again later");
}
