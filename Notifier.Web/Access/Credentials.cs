using Microsoft.AspNetCore.WebUtilities;
using Notifier.Access.Tokens;

namespace Notifier.Access;

/// <summary>The credentials of a request: at most one token or key, found in a fixed order of places.</summary>
/// <param name="Kind">What <paramref name="Value"/> may be, depending on the place.</param>
/// <param name="Value">A secret: never logged, and never in a message.</param>
internal readonly record struct Credentials(CredentialsKind Kind, string Value)
{
    /// <summary>The prefix of a token in the list of subprotocols, the only header that a page can set on a WebSocket.</summary>
    public const string SubprotocolPrefix = "bearer.";

    private const string QueryKey = "access_token";     // RFC 6750, 2.3

    /// <summary>Credentials that the client sends explicitly have priority over the cookie, which the browser adds by itself.</summary>
    public static Credentials From(HttpRequest request, TokenOptions tokens)
    {
        var headers = request.Headers;
        if (headers["X-Api-Key"] is { Count: > 0 } key)
            return new(CredentialsKind.ApiKey, key.ToString());
        // Other schemes are not for Notifier, for example Basic for a proxy in front.
        if (headers.Authorization is { Count: > 0 } authorization)
        {
            foreach (var header in authorization)
            {
                // No parser: it would skip a malformed header, and the caller would count as anonymous.
                var parts = header!.Split(' ', 2, StringSplitOptions.TrimEntries);
                if (parts[0].Equals("Bearer", StringComparison.OrdinalIgnoreCase))
                    return new(authorization.Count == 1 ? CredentialsKind.Bearer : CredentialsKind.Malformed, parts.Length == 2 ? parts[1] : "");
            }
        }
        foreach (var offered in headers.GetCommaSeparatedValues("Sec-WebSocket-Protocol"))
        {
            if (offered.StartsWith(SubprotocolPrefix, StringComparison.Ordinal))
                return new(CredentialsKind.Token, offered[SubprotocolPrefix.Length..]);
        }
        if (tokens.IsEnabled && FromQuery(request) is { } query)
            return new(tokens.AllowTokenInQuery ? CredentialsKind.Token : CredentialsKind.Query, query);
        return tokens.Cookie.Length > 0 && request.Cookies[tokens.Cookie] is { Length: > 0 } cookie
            ? new(CredentialsKind.Token, cookie)
            : default;
    }

    private static string? FromQuery(HttpRequest request)
    {
        foreach (var pair in new QueryStringEnumerable(request.QueryString.Value))
        {
            if (pair.DecodeName().Span is QueryKey)
                return pair.DecodeValue().ToString();
        }
        return null;
    }
}

/// <summary>What <see cref="Credentials"/> are.</summary>
internal enum CredentialsKind
{
    /// <summary>The request has no credentials.</summary>
    None,

    /// <summary>An API key.</summary>
    ApiKey,

    /// <summary>A token, or an API key.</summary>
    Bearer,

    /// <summary>A token.</summary>
    Token,

    /// <summary>A token in the address, where this server does not allow it.</summary>
    Query,

    /// <summary>Several <c>Authorization</c> headers, at least one of them with a token or an API key.</summary>
    Malformed,
}
