namespace Notifier.Hub;

/// <summary>How a subscriber that wants messages from before begins.</summary>
/// <param name="Recovered">Whether all that came since its position follows; null where it gave none.</param>
/// <param name="Code">Why not; see <see cref="Messages.Codes"/>.</param>
/// <param name="NeedsJournal">Whether the log does not have it, and Redis may; see <see cref="Recovery"/>.</param>
internal readonly record struct RecoveryResult(bool? Recovered, string? Code = null, bool NeedsJournal = false);
