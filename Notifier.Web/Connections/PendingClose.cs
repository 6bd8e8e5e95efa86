using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>A close that was asked for.</summary>
/// <param name="Frame">The whole close frame.</param>
/// <param name="Reason">Why.</param>
/// <param name="AskedAt">A timestamp of the clock: what is not taken in time ends in an abort.</param>
internal sealed record PendingClose(byte[] Frame, CloseReason Reason, long AskedAt);
