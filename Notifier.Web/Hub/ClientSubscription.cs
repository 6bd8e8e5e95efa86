namespace Notifier.Hub;

/// <summary>A name as a connection holds it.</summary>
/// <param name="Subscriber">The connection's place in the name.</param>
/// <param name="Live">
/// Completes when Redis has confirmed the name, and it is known where its messages begin: with null; or with the reason, when Redis refuses
/// it. While Redis is away, it waits.
/// </param>
internal readonly record struct ClientSubscription(Subscriber Subscriber, Task<string?> Live);
