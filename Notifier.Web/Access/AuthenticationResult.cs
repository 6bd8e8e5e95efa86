namespace Notifier.Access;

/// <summary>What a client can make of an <see cref="AccessRefusal"/>.</summary>
internal enum AccessRefusalKind
{
    /// <summary>Nothing shows who it is, or what does is no good: try once more with something fresh. 4401, or HTTP 401.</summary>
    Unauthorized,

    /// <summary>It is known who it is, and it may not. 4403, or HTTP 403.</summary>
    Forbidden,

    /// <summary>Nobody knows now: whoever could tell does not answer. 4503, or HTTP 503.</summary>
    Unavailable,
}

/// <summary>Why a visitor is not let in.</summary>
/// <param name="Kind">For programs.</param>
/// <param name="Message">For people. Never holds anything of what the visitor has shown.</param>
internal sealed record AccessRefusal(AccessRefusalKind Kind, string Message)
{
    public static AccessRefusal Unauthorized(string message) => new(AccessRefusalKind.Unauthorized, message);

    public static AccessRefusal Forbidden(string message) => new(AccessRefusalKind.Forbidden, message);

    public static AccessRefusal Unavailable(string message) => new(AccessRefusalKind.Unavailable, message);
}

/// <summary>A visitor, or why there is none: one of the two, and never somebody less than was claimed.</summary>
internal readonly record struct AuthenticationResult(Caller? Caller, AccessRefusal? Refusal)
{
    public static implicit operator AuthenticationResult(Caller caller) => new(caller, null);

    public static implicit operator AuthenticationResult(AccessRefusal refusal) => new(null, refusal);
}
