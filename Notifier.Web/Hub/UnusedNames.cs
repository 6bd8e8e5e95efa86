using Notifier.Connections;

namespace Notifier.Hub;

/// <summary>The names that linger without subscribers, and their limit. Under the lock of <see cref="NameEntries"/>.</summary>
internal sealed class UnusedNames(int limit)
{
    private readonly LinkedList<NameEntry> all = [];
    private readonly Dictionary<ClientAddress, LinkedList<NameEntry>> byAddress = [];
    private readonly Dictionary<NameEntry, (LinkedListNode<NameEntry> OfAll, LinkedListNode<NameEntry> OfAddress, ClientAddress Address)> places = [];

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
        if (!byAddress.TryGetValue(address, out var ofAddress))
            byAddress.Add(address, ofAddress = []);
        places.Add(entry, (all.AddLast(entry), ofAddress.AddLast(entry), address));
        return ofAddress.Count > address.ShareOf(limit) ? ofAddress
            : all.Count > limit ? all
            : [];
    }

    public void Remove(NameEntry entry)
    {
        if (!places.Remove(entry, out var place))
            return;
        all.Remove(place.OfAll);
        var ofAddress = byAddress[place.Address];
        ofAddress.Remove(place.OfAddress);
        if (ofAddress.Count == 0)
            byAddress.Remove(place.Address);
    }
}
