namespace Notifier.Hub;

/// <summary>A name that is subscribed on this node, and who receives for it. Under the hub's lock.</summary>
/// <param name="subscription">The name's log and subscribers.</param>
/// <param name="reception">Its own, or that of the cover it is under.</param>
internal sealed class NameEntry(Subscription subscription, Reception reception)
{
    public Subscription Subscription => subscription;

    public Reception Reception => reception;

    /// <summary>How many connections hold it.</summary>
    public int References { get; set; }

    /// <summary>When the last one let go of it.</summary>
    public long UnwantedSince { get; set; }
}
