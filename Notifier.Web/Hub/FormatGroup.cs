using Notifier.Connections;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>Those subscribers of a name that speak the same format: for them a message is encoded once. Under the subscription's lock.</summary>
/// <param name="format">What they speak.</param>
/// <param name="next">Those that speak another; there are only ever more.</param>
internal sealed class FormatGroup(WireFormat format, FormatGroup? next) : ChunkedSet<Subscriber>
{
    public WireFormat Format => format;

    public FormatGroup? Next => next;
}
