using System.Text.Json;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.Access.Tokens;

/// <summary>
/// Identifies callers by their tokens. Microsoft's JwtBearer checks signature, issuer, audience and times, set up by
/// <see cref="JwtBearerSetup"/>. It is called directly and not as middleware, because clients also send tokens over a connection. Thread-safe.
/// </summary>
internal sealed partial class TokenAuthentication
{
    /// <summary>Longer tokens are malformed. Twice the default for a frame, and half of what fits into headers.</summary>
    private const int MaxCharacters = 16 * 1024;

    private const string GrantsNothing = "the token grants nothing";

    /// <summary>The types of access tokens. A media type may have its prefix or not (RFC 7515, 4.1.9).</summary>
    private static readonly HashSet<string> AllowedTypes =
        new(["JWT", "at+jwt", "application/jwt", "application/at+jwt"], StringComparer.OrdinalIgnoreCase);

    private readonly NameRules rules;
    private readonly TimeProvider time;
    private readonly RecentDisconnections disconnections;
    private readonly ILogger<TokenAuthentication> logger;
    private readonly LogThrottle unknownKeys;
    private readonly string keySetting;
    private readonly bool hasAudience;
    private readonly NameTemplate[] subscribe;
    private readonly NameTemplate[] publish;
    private readonly JsonWebTokenHandler handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = MaxCharacters };
    private readonly OpenIdKeys? authority;
    private readonly TokenValidationParameters parameters;

    public TokenAuthentication(
        IOptions<AccessOptions> access, IOptions<JwtBearerOptions> bearer, NameRules rules, RecentDisconnections disconnections, TimeProvider time,
        ILogger<TokenAuthentication> logger)
    {
        (this.rules, this.disconnections, this.time, this.logger) = (rules, disconnections, time, logger);
        unknownKeys = new LogThrottle(time);
        var tokens = access.Value.Tokens;
        IsEnabled = tokens.IsEnabled;
        keySetting = tokens.KeySetting;
        hasAudience = tokens.Audience.Length > 0;
        subscribe = [.. tokens.Subscribe.Select(template => NameTemplate.Parse(template, rules, out _)!)];
        publish = [.. tokens.Publish.Select(template => NameTemplate.Parse(template, rules, out _)!)];
        parameters = IsEnabled ? bearer.Value.TokenValidationParameters : new();
        authority = tokens.Authority.Length > 0 ? new OpenIdKeys(bearer.Value, time, logger) : null;
    }

    /// <summary>Whether this server accepts tokens.</summary>
    public bool IsEnabled { get; }

    /// <summary>Identifies the caller, or says what is wrong with the token without quoting it.</summary>
    public async ValueTask<AuthenticationResult> AuthenticateAsync(string token)
    {
        if (!IsEnabled)
            return AccessRefusal.Unauthorized("this server accepts no tokens: see Access:Tokens");
        var disconnectionsBefore = disconnections.Count;
        if ((authority is null ? parameters : await authority.GetParametersAsync()) is not { } known)
            return AccessRefusal.Unavailable("the token cannot be verified: the server cannot reach the authority; try again");
        var result = await handler.ValidateTokenAsync(token, known);
        if (authority is not null && result.Exception is SecurityTokenInvalidSignatureException && await authority.GetNewerParametersAsync(known) is { } newer)
            result = await handler.ValidateTokenAsync(token, newer);
        if (!result.IsValid)
        {
            // The page's developer cannot see that a backend has another key; any visitor can send such a token.
            if (result.Exception is SecurityTokenInvalidSignatureException && unknownKeys.ShouldLog(out var count))
                Log.UnknownKey(logger, keySetting, count);
            return AccessRefusal.Unauthorized(Describe(result.Exception));
        }
        var valid = (JsonWebToken)result.SecurityToken;
        if (ProblemOfHeader(valid) is { } problem)
            return AccessRefusal.Unauthorized(problem);
        if (!hasAudience && valid.Audiences.Any())
            return AccessRefusal.Unauthorized("the token has an audience (aud), but this server has none configured: see Access:Tokens:Audience");
        return CallerFrom(valid, disconnectionsBefore);
    }

    /// <summary>
    /// What the library does not check. A token with a critical extension must be rejected by a recipient that does not know the extension, and Notifier knows
    /// none (RFC 7515, 4.1.11). A token of another type, such as a logout token, was not issued for access (RFC 8725, 3.11; RFC 9068, 4).
    /// </summary>
    private static string? ProblemOfHeader(JsonWebToken token)
    {
        using var header = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(token.EncodedHeader));
        if (header.RootElement.TryGetProperty("crit", out _))
            return "the token requires an extension that this server does not know (crit)";
        return !header.RootElement.TryGetProperty("typ", out var type) || AllowedTypes.Contains(GrantedNames.Text(type) ?? "")
            ? null
            : "the token is of another type than JWT or at+jwt (typ)";
    }

    private AuthenticationResult CallerFrom(JsonWebToken token, long disconnectionsBefore)
    {
        // The library's own view of the claims converts some of them, and skips others.
        using var claims = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(token.EncodedPayload));
        if (ReadNames(claims.RootElement, "subscribe", subscribe, out var toSubscribe) is { } problem)
            return AccessRefusal.Unauthorized(problem);
        if (ReadNames(claims.RootElement, "publish", publish, out var toPublish) is { } other)
            return AccessRefusal.Unauthorized(other);
        // A token that arrives within the skew after its expiry is valid until the skew ends; every other one until its expiry.
        var end = new DateTimeOffset(token.ValidTo, TimeSpan.Zero);
        return new Caller(new Grant(toSubscribe, GrantsNothing), new Grant(toPublish, GrantsNothing))
        {
            Subject = Text(claims.RootElement, "sub") is { Length: > 0 } subject ? subject : null,
            ExpiresAt = end > time.GetUtcNow() ? end : end + TokenOptions.ClockSkew,
            DisconnectionsBefore = disconnectionsBefore,
        };
    }

    /// <summary>Collects the names that the token's own claim lists, and those that the configuration's templates grant.</summary>
    /// <returns>Null, or what is wrong with the claim.</returns>
    private string? ReadNames(JsonElement claims, string claim, NameTemplate[] templates, out List<Name> names)
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

    /// <summary>A claim's value for a template: a string or a number.</summary>
    private static string? Text(JsonElement claims, string claim) => !claims.TryGetProperty(claim, out var value) ? null
        : value.ValueKind == JsonValueKind.Number ? value.GetRawText()
        : GrantedNames.Text(value);

    private static string Describe(Exception error) => error switch
    {
        SecurityTokenExpiredException => "the token has expired",
        SecurityTokenNotYetValidException => "the token is not valid yet (nbf)",
        SecurityTokenNoExpirationException => "the token has no expiry (exp)",
        SecurityTokenInvalidLifetimeException => "the token expires before it becomes valid (exp, nbf)",
        SecurityTokenInvalidAudienceException => "the token is not for this server (aud)",
        SecurityTokenInvalidIssuerException => "the token is from another issuer (iss)",
        SecurityTokenInvalidAlgorithmException => "the token is signed with an algorithm that is not allowed (alg)",
        SecurityTokenInvalidSignatureException => "the token is not signed with a key that this server knows",
        _ => "the token is malformed",
    };

    private static partial class Log
    {
        [LoggerMessage(8, LogLevel.Warning, "A token is not signed with a key that this server knows: compare the key of {Setting} with the signer's. "
            + "Such tokens since the last such warning: {Count}.")]
        public static partial void UnknownKey(ILogger logger, string setting, int count);
    }
}
