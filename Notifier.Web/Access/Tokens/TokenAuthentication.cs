using System.Text.Json;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Notifier.Names;

namespace Notifier.Access.Tokens;

/// <summary>
/// Makes visitors of tokens. Signature, issuer, audience and times are Microsoft's JwtBearer's to judge, set up by
/// <see cref="JwtBearerSetup"/>; called from here and not from its middleware, for tokens come within a connection too. Thread-safe.
/// </summary>
internal sealed class TokenAuthentication
{
    /// <summary>Longer ones are not looked at. A frame may hold half of it, headers twice.</summary>
    private const int MaxCharacters = 16 * 1024;

    private const string Nothing = "the token grants nothing";

    private readonly NameRules rules;
    private readonly TimeProvider time;
    private readonly RecentDisconnections disconnections;
    private readonly bool mayHaveAudience;
    private readonly NameTemplate[] subscribe;
    private readonly NameTemplate[] publish;
    private readonly JsonWebTokenHandler handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = MaxCharacters };
    private readonly OpenIdKeys? authority;
    private readonly TokenValidationParameters parameters;

    public TokenAuthentication(
        IOptions<AccessOptions> access, IOptions<JwtBearerOptions> bearer, NameRules rules, RecentDisconnections disconnections, TimeProvider time,
        ILogger<TokenAuthentication> logger)
    {
        (this.rules, this.disconnections, this.time) = (rules, disconnections, time);
        var tokens = access.Value.Tokens;
        IsEnabled = tokens.IsEnabled;
        mayHaveAudience = tokens.Audience.Length > 0;
        subscribe = [.. tokens.Subscribe.Select(template => NameTemplate.Parse(template, rules, out _)!)];
        publish = [.. tokens.Publish.Select(template => NameTemplate.Parse(template, rules, out _)!)];
        parameters = IsEnabled ? bearer.Value.TokenValidationParameters : new();
        authority = tokens.Authority.Length > 0 ? new OpenIdKeys(bearer.Value, time, logger) : null;
    }

    /// <summary>Whether any token is taken.</summary>
    public bool IsEnabled { get; }

    /// <summary>Who shows this token; or what is wrong with it, of which nothing is repeated.</summary>
    public async ValueTask<AuthenticationResult> AuthenticateAsync(string token)
    {
        if (!IsEnabled)
            return AccessRefusal.Unauthorized("this server takes no tokens: see Access:Tokens");
        var knownAsOf = disconnections.Count;
        if ((authority is null ? parameters : await authority.ParametersAsync()) is not { } by)
            return AccessRefusal.Unavailable("the token cannot be checked: the server does not reach the authority; try again");
        var result = await handler.ValidateTokenAsync(token, by);
        if (authority is not null && result.Exception is SecurityTokenInvalidSignatureException && await authority.NewerAsync(by) is { } newer)
            result = await handler.ValidateTokenAsync(token, newer);
        if (!result.IsValid)
            return AccessRefusal.Unauthorized(Describe(result.Exception));
        var valid = (JsonWebToken)result.SecurityToken;
        if (!mayHaveAudience && valid.Audiences.Any())
            return AccessRefusal.Unauthorized("the token is for somebody (aud), and nobody said that it is this server: see Access:Tokens:Audience");
        return CallerFrom(valid, knownAsOf);
    }

    private AuthenticationResult CallerFrom(JsonWebToken token, long knownAsOf)
    {
        // Not through the library's own look at claims, which turns them into something else, or passes them over.
        using var claims = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(token.EncodedPayload));
        if (Names(claims.RootElement, "subscribe", subscribe, out var heard) is { } problem)
            return AccessRefusal.Unauthorized(problem);
        if (Names(claims.RootElement, "publish", publish, out var said) is { } other)
            return AccessRefusal.Unauthorized(other);
        // What comes within the skew after its end has that long; what is there goes when its token says.
        var end = new DateTimeOffset(token.ValidTo, TimeSpan.Zero);
        return new Caller(new Grant(heard, Nothing), new Grant(said, Nothing))
        {
            Subject = Text(claims.RootElement, "sub") is { Length: > 0 } subject ? subject : null,
            Until = end > time.GetUtcNow() ? end : end + TokenOptions.ClockSkew,
            KnownAsOf = knownAsOf,
        };
    }

    /// <summary>What the token grants by a claim of its own, and what the configuration grants for others of its claims.</summary>
    /// <returns>Null, or what is wrong with the claim.</returns>
    private string? Names(JsonElement claims, string claim, NameTemplate[] templates, out List<Name> names)
    {
        names = [];
        foreach (var template in templates)
        {
            if (template.Fill(name => Text(claims, name), rules) is { } name)
                names.Add(name);
        }
        return claims.TryGetProperty(claim, out var list) && GrantedNames.Read(list, rules, names) is { } problem
            ? $"the token's {claim} {problem}"
            : null;
    }

    /// <summary>A claim as it goes into a name: a text, or a whole number.</summary>
    private static string? Text(JsonElement claims, string claim) => !claims.TryGetProperty(claim, out var value) ? null
        : value.ValueKind == JsonValueKind.Number ? value.GetRawText()
        : GrantedNames.Text(value);

    private static string Describe(Exception error) => error switch
    {
        SecurityTokenExpiredException => "the token has expired",
        SecurityTokenNotYetValidException => "the token is not valid yet (nbf)",
        SecurityTokenNoExpirationException => "the token has no end (exp)",
        SecurityTokenInvalidLifetimeException => "the token ends before it begins (exp, nbf)",
        SecurityTokenInvalidAudienceException => "the token is not for this server (aud)",
        SecurityTokenInvalidIssuerException => "the token is of another issuer (iss)",
        SecurityTokenInvalidAlgorithmException => "the token is signed in a way that is not allowed (alg)",
        SecurityTokenInvalidSignatureException => "the token is not signed with a key that is known here",
        _ => "the token is malformed",
    };
}
