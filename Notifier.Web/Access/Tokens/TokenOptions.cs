namespace Notifier.Access.Tokens;

/// <summary>
/// <c>Access:Tokens</c>: JSON Web Tokens (RFC 7519) that identify callers and grant names. Setting one of <c>Secret</c>,
/// <c>PublicKeyFile</c>, <c>JwksFile</c> and <c>Authority</c> turns them on.
/// </summary>
public sealed class TokenOptions
{
    /// <summary>The key that the application signs tokens with (HMAC): at least 32 bytes.</summary>
    public string Secret { get; set; } = "";

    /// <summary>A PEM file with the signer's public key (RSA or elliptic curve) or certificate.</summary>
    public string PublicKeyFile { get; set; } = "";

    /// <summary>A file with the signer's public keys (a JSON Web Key Set, RFC 7517). The token's <c>kid</c> selects one.</summary>
    public string JwksFile { get; set; } = "";

    /// <summary>The address of an OpenID Connect provider, such as <c>https://login.example.com/</c>. Notifier fetches its keys.</summary>
    public string Authority { get; set; } = "";

    /// <summary>The required value of the claim <c>iss</c>. Default: not checked; with <c>Authority</c>, the provider's own issuer.</summary>
    public string Issuer { get; set; } = "";

    /// <summary>A value that the claim <c>aud</c> must contain. Optional only with <c>Secret</c>: then tokens must not have the claim.</summary>
    public string Audience { get; set; } = "";

    /// <summary>The allowed signature algorithms. Default: <c>HS256</c> with <c>Secret</c>, else all of RSA and elliptic curves.</summary>
    public string[] Algorithms { get; set; } = [];

    /// <summary>
    /// Names that each token grants besides its claim <c>subscribe</c>. <c>{sub}</c> stands for the value of the claim <c>sub</c>; any
    /// other claim can be named in the same way. If a token lacks the claim, the entry grants nothing. At most 100.
    /// </summary>
    public string[] Subscribe { get; set; } = [];

    /// <summary>The same for publishing, besides the claim <c>publish</c>.</summary>
    public string[] Publish { get; set; } = [];

    /// <summary>The name of the cookie that contains the token. Default none: Notifier ignores cookies.</summary>
    public string Cookie { get; set; } = "";

    /// <summary>
    /// Whether a token may be in the address (<c>?access_token=…</c>), where proxies and browser histories record it. For EventSource
    /// across origins, which cannot send it in another way. Default false.
    /// </summary>
    public bool AllowTokenInQuery { get; set; }

    /// <summary>How much the signer's clock may differ from this server's.</summary>
    internal static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    /// <summary>Which setting has the keys; empty if none has.</summary>
    internal string KeySetting => Secret.Length > 0 ? "Access:Tokens:Secret"
        : PublicKeyFile.Length > 0 ? "Access:Tokens:PublicKeyFile"
        : JwksFile.Length > 0 ? "Access:Tokens:JwksFile"
        : Authority.Length > 0 ? "Access:Tokens:Authority"
        : "";

    /// <summary>Whether this server accepts tokens.</summary>
    internal bool IsEnabled => Secret.Length + PublicKeyFile.Length + JwksFile.Length + Authority.Length > 0;
}
