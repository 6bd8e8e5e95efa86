using Notifier.Names;

namespace Notifier.Hub;

/// <summary>How much there is in the hub.</summary>
/// <param name="Names">Names that are subscribed, lingering ones included.</param>
/// <param name="Subscribers">How many connections hold them, added up.</param>
internal readonly record struct HubCounts(int Names, int Subscribers);

/// <summary>A name of this node, for whoever watches it.</summary>
/// <param name="Name">The name.</param>
/// <param name="Subscribers">How many connections hold it.</param>
/// <param name="Messages">How many messages and gaps there were since it was opened.</param>
/// <param name="PerSecond">How many a second, smoothed over some ten seconds.</param>
internal readonly record struct NameFigures(Name Name, int Subscribers, long Messages, double PerSecond);
