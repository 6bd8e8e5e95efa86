namespace Notifier.Access;

/// <summary><c>Access</c>: who may connect, and what for.</summary>
public sealed class AccessOptions
{
    /// <summary>What visitors may have who say nothing about themselves.</summary>
    public AnonymousOptions Anonymous { get; set; } = new();

    /// <summary>
    /// Origins of pages (RFC 6454) that may connect, besides the server's own. Each is an origin (<c>https://app.example.com</c>,
    /// <c>capacitor://localhost</c>), all subdomains of a host (<c>https://*.example.com</c>), <c>null</c> (pages from disk, sandboxed
    /// frames), or <c>*</c> (all). Anything else stops the process. Default none; in Development all of this machine, and
    /// <c>null</c>, are allowed anyway.
    /// </summary>
    public string[] AllowedOrigins { get; set; } = [];

    /// <summary>Tokens that say who a visitor is, and what it may have.</summary>
    public TokenOptions Tokens { get; set; } = new();

    /// <summary>Where the application is asked.</summary>
    public CallbackOptions Callback { get; set; } = new();

    /// <summary>Backends that have a secret of their own.</summary>
    public ApiKeyOptions[] ApiKeys { get; set; } = [];

    /// <summary>
    /// A port, one of those that the server listens at, which visitors do not reach: who comes there may see what is for operators, without
    /// an API key. Default none.
    /// </summary>
    public int? OperatorPort { get; set; }
}

/// <summary>
/// <c>Access:Anonymous</c>. Where a list is not set, everything is open in Development, and nothing in Production; an
/// empty list opens nothing. A name with <c>*</c>, <c>?</c>, <c>[</c> or <c>\</c> in it is a pattern: it allows all channels
/// that it matches, and all patterns that match no others.
/// </summary>
public sealed class AnonymousOptions
{
    /// <summary>Names that may be subscribed to, for example <c>notifications.*</c>.</summary>
    public string[]? Subscribe { get; set; }

    /// <summary>Names that may be published on through Notifier. (Who reaches the Redis publishes there without asking.)</summary>
    public string[]? Publish { get; set; }
}
