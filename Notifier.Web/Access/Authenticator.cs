using Microsoft.Extensions.Options;
using Notifier.Access.Callback;
using Notifier.Access.Tokens;

namespace Notifier.Access;

/// <summary>
/// Finds out who sends a request. Invalid credentials are refused even if anonymous callers have access: otherwise a client with a faulty token
/// would seem to be connected, but would miss its private messages. Thread-safe.
/// </summary>
internal sealed class Authenticator(
    AnonymousAccess anonymous, ApiKeys keys, TokenAuthentication tokens, CallbackAuthentication callback, RecentDisconnections disconnections, IOptions<AccessOptions> access,
    TimeProvider time)
{
    /// <summary>The caller without credentials.</summary>
    public Caller Anonymous { get; } = new(anonymous.SubscribeGrant, anonymous.PublishGrant)
    {
        ExpiresAt = null,
        DisconnectionsBefore = Caller.WithoutSubject,
        IsAnonymous = true,
    };

    /// <summary>Whether a client may send a token after it has connected (<c>auth</c>).</summary>
    public bool AcceptsTokens => tokens.IsEnabled;

    /// <summary>Identifies the caller. The origin must be checked first, because cookies may identify the caller.</summary>
    public ValueTask<AuthenticationResult> AuthenticateAsync(HttpContext context)
    {
        var credentials = Credentials.From(context.Request, access.Value.Tokens);
        return credentials.Kind switch
        {
            CredentialsKind.None => callback.IsEnabled ? callback.AuthenticateAsync(context) : new(Anonymous),
            CredentialsKind.ApiKey => new(FromKey(credentials.Value)),
            CredentialsKind.Bearer when keys.Find(credentials.Value) is { } backend => new(backend),
            CredentialsKind.Bearer when !tokens.IsEnabled && keys.Any => new(UnknownKey),
            CredentialsKind.Bearer or CredentialsKind.Token => tokens.AuthenticateAsync(credentials.Value),
            CredentialsKind.Query => new(AccessRefusal.Unauthorized("a token in the address is not accepted here: see Access:Tokens:AllowTokenInQuery")),
            CredentialsKind.Malformed => new(AccessRefusal.Unauthorized("send one Authorization header: Bearer, one space, and the token")),
        };
    }

    /// <summary>Identifies the backend that sends a request. For actions that only backends may do, so the callback is not called.</summary>
    public ValueTask<AuthenticationResult> AuthenticateBackendAsync(HttpContext context) =>
        Credentials.From(context.Request, access.Value.Tokens).Kind == CredentialsKind.None
            ? new(AccessRefusal.Unauthorized("an API key is needed (Access:ApiKeys)"))
            : AuthenticateAsync(context);

    /// <summary>
    /// Whether the request has the credentials of a visitor: a token, or, with a callback, perhaps a session. Not an API key, and not nothing. Says nothing
    /// about their validity.
    /// </summary>
    public bool IsVisitor(HttpRequest request)
    {
        var credentials = Credentials.From(request, access.Value.Tokens);
        return credentials.Kind switch
        {
            CredentialsKind.None => callback.IsEnabled,
            CredentialsKind.ApiKey => false,
            CredentialsKind.Bearer => keys.Find(credentials.Value) is null,
            CredentialsKind.Token or CredentialsKind.Query or CredentialsKind.Malformed => true,
        };
    }

    /// <summary>Identifies the caller by a token that the client sent over its connection.</summary>
    public ValueTask<AuthenticationResult> AuthenticateAsync(string token) => tokens.AuthenticateAsync(token);

    /// <summary>Whether the caller was disconnected while connecting. To be called once its connection is registered.</summary>
    public AccessRefusal? CheckDisconnected(Caller caller) => disconnections.Check(caller);

    /// <summary>Whole seconds until the caller's access expires; null if it does not.</summary>
    public int? SecondsLeft(Caller caller) => caller.ExpiresAt is { } until ? (int)Math.Min((until - time.GetUtcNow()).TotalSeconds, int.MaxValue) : null;

    /// <summary>For single HTTP requests, which cannot authenticate later: a refusal if the caller has to send credentials.</summary>
    /// <param name="caller">Who sends the request.</param>
    /// <param name="grant">The caller's grant for this kind of request.</param>
    public AccessRefusal? RequireAuthentication(Caller caller, Grant grant) => caller.IsAnonymous && grant.IsEmpty && anonymous.CanAuthenticate
        ? AccessRefusal.Unauthorized(AcceptsTokens ? "a token is needed: see docs/access.md" : "an API key is needed: see docs/access.md")
        : null;

    private static AccessRefusal UnknownKey { get; } = AccessRefusal.Unauthorized("the API key is unknown");

    private AuthenticationResult FromKey(string secret) => keys.Find(secret) is { } backend ? backend : UnknownKey;
}
