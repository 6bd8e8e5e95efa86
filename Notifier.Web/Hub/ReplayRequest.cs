namespace Notifier.Hub;

/// <summary>What a subscriber wants of the messages that came before it.</summary>
/// <param name="After">The position of the last one it has: those after it.</param>
/// <param name="Last">The last so many. With a position: only when that is not known here.</param>
internal readonly record struct ReplayRequest(string? After = null, int? Last = null);
