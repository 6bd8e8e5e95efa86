namespace Notifier.Access;

/// <summary>What a client can do about an <see cref="AccessRefusal"/>.</summary>
internal enum AccessRefusalKind
{
    /// <summary>The credentials are missing or invalid: retry once with fresh ones. 4401, or HTTP 401.</summary>
    Unauthorized,

    /// <summary>The caller is known and has no access. 4403, or HTTP 403.</summary>
    Forbidden,

    /// <summary>The caller cannot be identified now, because the application or the token's issuer does not answer. 4503, or HTTP 503.</summary>
    Unavailable,
}

/// <summary>Why a caller has no access.</summary>
/// <param name="Kind">For programs.</param>
/// <param name="Message">For people. Never contains any part of the credentials.</param>
internal sealed record AccessRefusal(AccessRefusalKind Kind, string Message)
{
    public static AccessRefusal Unauthorized(string message) => new(AccessRefusalKind.Unauthorized, message);

    public static AccessRefusal Forbidden(string message) => new(AccessRefusalKind.Forbidden, message);

    public static AccessRefusal Unavailable(string message) => new(AccessRefusalKind.Unavailable, message);
}

/// <summary>A caller or a refusal, never both. Invalid credentials are a refusal, never an anonymous caller.</summary>
internal readonly record struct AuthenticationResult(Caller? Caller, AccessRefusal? Refusal)
{
    public static implicit operator AuthenticationResult(Caller caller) => new(caller, null);

    public static implicit operator AuthenticationResult(AccessRefusal refusal) => new(null, refusal);
}
