namespace Notifier.Access;

/// <summary>Who is there, as far as it matters: what it may have, and until when. Immutable.</summary>
/// <param name="Subscribe">What it may hear.</param>
/// <param name="Publish">What it may say.</param>
internal sealed record Caller(Grant Subscribe, Grant Publish)
{
    /// <summary>The most names that a token or an application may grant: each costs time whenever a pattern is asked for.</summary>
    public const int MaxNames = 100;

    /// <summary>Who it is, by the word of whoever vouches for it; null when nobody does.</summary>
    public string? Subject { get; init; }

    /// <summary>When this ends, by the clock; null when it does not.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>When it was asked who it is, as <see cref="RecentDisconnections"/> count time; without meaning where there is no subject.</summary>
    public long KnownAsOf { get; init; }

    /// <summary>Which backend it is (<c>Access:ApiKeys</c>); null for everybody else.</summary>
    public string? ApiKey { get; init; }

    /// <summary>Whether it has shown nothing that says who it is.</summary>
    public bool IsAnonymous { get; init; }
}
