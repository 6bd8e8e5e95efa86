using Notifier.Connections;

namespace Notifier.Hub;

/// <summary>The names that linger without subscribers, and their limit. Under the lock of <see cref="NameEntries"/>.</summary>
internal sealed class UnusedNames(int limit)
{
    private readonly LinkedList<NameEntry> all = [];
    private readonly Dictionary<NameEntry, LinkedListNode<NameEntry>> places = [];
    private readonly Dictionary<ClientAddress, int> counts = [];

    /// <summary>Those that were used least recently come first.</summary>
    public IEnumerable<NameEntry> All => all;

    /// <summary>Adds a name.</summary>
    /// <param name="entry">The name; its last subscriber has left.</param>
    /// <param name="address">The address of that subscriber.</param>
    /// <returns>
    /// The names of which one is too many: of the same address if that has used up its share of the limit, else of any address; none if there is room. Those
    /// that were used least recently come first.
    /// </returns>
    public IEnumerable<NameEntry> Add(NameEntry entry, ClientAddress address)
    {
        entry.UsedBy = address;
        places.Add(entry, all.AddLast(entry));
        var ofAddress = counts[address] = counts.GetValueOrDefault(address) + 1;
        return ofAddress > address.ShareOf(limit) ? all.Where(one => one.UsedBy == address)
            : all.Count > limit ? all
            : [];
    }

    public void Remove(NameEntry entry)
    {
        if (!places.Remove(entry, out var place))
            return;
        all.Remove(place);
        if (--counts[entry.UsedBy] == 0)
            counts.Remove(entry.UsedBy);
    }
}
