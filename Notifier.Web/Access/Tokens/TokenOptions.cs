namespace Notifier.Access.Tokens;

/// <summary>
/// <c>Access:Tokens</c>: JSON Web Tokens (RFC 7519) that say who a visitor is and what it may have. One of <c>Secret</c>,
/// <c>PublicKeyFile</c>, <c>JwksFile</c> and <c>Authority</c> turns them on.
/// </summary>
public sealed class TokenOptions
{
    /// <summary>The key that tokens are signed with (HMAC), which the application has too: at least 32 bytes.</summary>
    public string Secret { get; set; } = "";

    /// <summary>A PEM file with the public key (RSA or elliptic curve) of who signs, or its certificate.</summary>
    public string PublicKeyFile { get; set; } = "";

    /// <summary>A file with the public keys of who signs (RFC 7517): several, told apart by <c>kid</c>.</summary>
    public string JwksFile { get; set; } = "";

    /// <summary>An OpenID Connect provider, such as <c>https://login.example.com/</c>, which is asked for its keys.</summary>
    public string Authority { get; set; } = "";

    /// <summary>What the claim <c>iss</c> has to be. Default: not looked at; with <c>Authority</c>, what the provider says of itself.</summary>
    public string Issuer { get; set; } = "";

    /// <summary>What the claim <c>aud</c> has to contain. Only with <c>Secret</c> it may be left out: then no token may have the claim.</summary>
    public string Audience { get; set; } = "";

    /// <summary>How tokens may be signed. Default: <c>HS256</c> with <c>Secret</c>, else all of RSA and elliptic curves.</summary>
    public string[] Algorithms { get; set; } = [];

    /// <summary>
    /// Names that each token grants besides its claim <c>subscribe</c>; <c>{sub}</c> stands for the claim of that name, so with any
    /// claim. Where a token lacks the claim, the entry grants nothing.
    /// </summary>
    public string[] Subscribe { get; set; } = [];

    /// <summary>The same for publishing, besides the claim <c>publish</c>.</summary>
    public string[] Publish { get; set; } = [];

    /// <summary>The name of a cookie that holds the token. Default none: cookies are not looked at.</summary>
    public string Cookie { get; set; } = "";

    /// <summary>
    /// Whether a token may stand in the address (<c>?access_token=…</c>), where proxies log it and histories keep it. For
    /// EventSource across origins, which can send it no other way. Default false.
    /// </summary>
    public bool AllowTokenInQuery { get; set; }

    /// <summary>How far the clock of who signs may be from ours.</summary>
    internal static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    /// <summary>Whether tokens are taken at all.</summary>
    internal bool IsEnabled => Secret.Length + PublicKeyFile.Length + JwksFile.Length + Authority.Length > 0;
}
