using Notifier.Names;

namespace Notifier.Hub;

/// <summary>How much there is in the hub.</summary>
/// <param name="Names">Names that are subscribed, lingering ones included.</param>
/// <param name="Subscribers">The subscribers of all names, added up.</param>
internal readonly record struct HubCounts(int Names, int Subscribers);

/// <summary>Statistics of a name on this node.</summary>
/// <param name="Name">The name.</param>
/// <param name="Subscribers">How many connections are subscribed to it.</param>
/// <param name="Messages">How many messages and gaps there were since it was subscribed.</param>
/// <param name="PerSecond">How many a second, smoothed over about 10 s.</param>
internal readonly record struct NameStatistics(Name Name, int Subscribers, long Messages, double PerSecond);
