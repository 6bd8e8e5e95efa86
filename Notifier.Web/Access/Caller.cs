namespace Notifier.Access;

/// <summary>Who sends a request or owns a connection: what the caller may do, and until when. Immutable.</summary>
/// <param name="SubscribeGrant">The names that the caller may subscribe to.</param>
/// <param name="PublishGrant">The names that the caller may publish on.</param>
internal sealed record Caller(Grant SubscribeGrant, Grant PublishGrant)
{
    /// <summary>How many names a token or the application may grant at most: each costs time whenever a pattern is checked.</summary>
    public const int MaxNames = 100;

    /// <summary>The <see cref="DisconnectionsBefore"/> of a caller without a subject: <c>POST /disconnect</c> cannot name the caller.</summary>
    public const long WithoutSubject = 0;

    /// <summary>The caller's id, as the token or the application gives it (<c>sub</c>), or null.</summary>
    public string? Subject { get; init; }

    /// <summary>When the access expires; null if it does not. Required, so that a source of grants cannot forget it.</summary>
    public required DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>
    /// <see cref="RecentDisconnections.Count"/> when authentication began; <see cref="WithoutSubject"/> without a <see cref="Subject"/>. Required, because
    /// with a number that is too low, a subject that was disconnected once could never connect again.
    /// </summary>
    public required long DisconnectionsBefore { get; init; }

    /// <summary>The name of the backend's API key (<c>Access:ApiKeys</c>); null for other callers.</summary>
    public string? ApiKey { get; init; }

    /// <summary>Whether the caller may disconnect others (<c>Access:ApiKeys</c>, <c>Disconnect</c>).</summary>
    public bool MayDisconnect { get; init; }

    /// <summary>Whether the caller sent no credentials.</summary>
    public bool IsAnonymous { get; init; }
}
