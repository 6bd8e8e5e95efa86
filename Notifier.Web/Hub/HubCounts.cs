using Notifier.Names;

namespace Notifier.Hub;

/// <summary>The size of the hub.</summary>
/// <param name="NameCount">Names that are subscribed, including lingering ones.</param>
/// <param name="SubscriberCount">The subscribers of all names, added up.</param>
internal readonly record struct HubCounts(int NameCount, int SubscriberCount);

/// <summary>Statistics of a name on this node.</summary>
/// <param name="Name">The name.</param>
/// <param name="Subscribers">How many connections are subscribed to it.</param>
/// <param name="Messages">How many messages and gaps arrived since it was subscribed.</param>
/// <param name="PerSecond">Messages per second, smoothed over about 10 s.</param>
internal readonly record struct NameStatistics(Name Name, int Subscribers, long Messages, double PerSecond);
