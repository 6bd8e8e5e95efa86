namespace Notifier.Hub;

/// <summary>A name as a connection holds it.</summary>
/// <param name="Subscriber">The connection's place in the name.</param>
/// <param name="Live">
/// Completes when Redis has confirmed the name: with null; or with the reason, when Redis refuses it. While Redis is away, it waits.
/// </param>
/// <param name="Recovered">Whether all follows that came since the position that was asked for; null where none was.</param>
internal readonly record struct HeldName(Subscriber Subscriber, Task<string?> Live, bool? Recovered);
