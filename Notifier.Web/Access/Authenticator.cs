using Microsoft.Extensions.Options;
using Notifier.Access.Callback;
using Notifier.Access.Tokens;

namespace Notifier.Access;

/// <summary>
/// Says who sends a request. Who shows something that is no good is refused, also where less than that would have been open to anybody:
/// a visitor whose token has a fault would else seem to be served, and hear nothing of its own.
/// </summary>
internal sealed class Authenticator(
    AnonymousAccess anonymous, ApiKeys keys, TokenAuthentication tokens, CallbackAuthentication callback, RecentDisconnections disconnections, IOptions<AccessOptions> access,
    TimeProvider time)
{
    /// <summary>Who says nothing about itself.</summary>
    public Caller Anonymous { get; } = new(anonymous.Subscribe, anonymous.Publish) { IsAnonymous = true };

    /// <summary>Whether a connection may say later who its visitor is (<c>auth</c>).</summary>
    public bool AcceptsTokens => tokens.IsEnabled;

    /// <summary>The page that it is of was found to be allowed before.</summary>
    public ValueTask<AuthenticationResult> AuthenticateAsync(HttpContext context)
    {
        var shown = Credentials.From(context.Request, access.Value.Tokens);
        return shown.Kind switch
        {
            CredentialsKind.None => callback.IsEnabled ? callback.AuthenticateAsync(context) : new(Anonymous),
            CredentialsKind.ApiKey => new(FromKey(shown.Value)),
            CredentialsKind.Bearer when keys.Find(shown.Value) is { } backend => new(backend),
            CredentialsKind.Bearer when !tokens.IsEnabled && keys.Any => new(UnknownKey),
            CredentialsKind.Bearer or CredentialsKind.Token => tokens.AuthenticateAsync(shown.Value),
            CredentialsKind.Query => new(AccessRefusal.Unauthorized("a token in the address is not taken here: see Access:Tokens:AllowTokenInQuery")),
            _ => new(AccessRefusal.Unauthorized("there are several Authorization headers")),
        };
    }

    /// <summary>Which backend sends a request, for what no visitor may: the application is not asked.</summary>
    public ValueTask<AuthenticationResult> AuthenticateBackendAsync(HttpContext context) =>
        Credentials.From(context.Request, access.Value.Tokens).Kind == CredentialsKind.None
            ? new(AccessRefusal.Unauthorized("an API key is needed (Access:ApiKeys)"))
            : AuthenticateAsync(context);

    /// <summary>Who sends a token within a connection.</summary>
    public ValueTask<AuthenticationResult> AuthenticateAsync(string token) => tokens.AuthenticateAsync(token);

    /// <summary>Whether a visitor may stay, once its connection can be found: it may have been disconnected while it was coming.</summary>
    public AccessRefusal? CheckDisconnected(Caller caller) => disconnections.Check(caller);

    /// <summary>How many whole seconds a visitor has; null when there is no end.</summary>
    public int? SecondsLeft(Caller caller) => caller.Until is { } until ? (int)Math.Min((until - time.GetUtcNow()).TotalSeconds, int.MaxValue) : null;

    /// <summary>For what is over at once, so that nobody can say later who it is: whether it has to be said now.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="grant">What it may have of what it asks for.</param>
    public AccessRefusal? RequireAuthentication(Caller caller, Grant grant) => caller.IsAnonymous && grant.IsEmpty && anonymous.CanAuthenticate
        ? AccessRefusal.Unauthorized(AcceptsTokens ? "a token is needed: see docs/access.md" : "an API key is needed: see docs/access.md")
        : null;

    private static AccessRefusal UnknownKey { get; } = AccessRefusal.Unauthorized("the API key is unknown");

    private AuthenticationResult FromKey(string secret) => keys.Find(secret) is { } backend ? backend : UnknownKey;
}
