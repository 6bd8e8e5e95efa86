using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>Which earlier messages a new subscriber wants.</summary>
/// <param name="After">All messages after this position, that of the last message that the client has.</param>
/// <param name="Last">This many of the latest messages. If there is a position too, only if Notifier cannot resume from it.</param>
internal readonly record struct RecoveryRequest(string? After = null, int? Last = null);

/// <summary>How a subscriber that wants earlier messages starts.</summary>
/// <param name="Recovered">Whether all messages since its position follow; null if it gave none.</param>
/// <param name="Code">Why messages are missing; see <see cref="ServerCodes"/>.</param>
/// <param name="NeedsJournal">Whether the log lacks messages that the journal may have.</param>
internal readonly record struct RecoveryResult(bool? Recovered, string? Code = null, bool NeedsJournal = false);
