using Microsoft.AspNetCore.WebUtilities;
using Notifier.Access.Tokens;

namespace Notifier.Access;

/// <summary>What a request shows to say who its visitor is: at most one thing, looked for in a fixed order.</summary>
/// <param name="Kind">Where it was found, which says what it may be.</param>
/// <param name="Value">A secret: never logged, never repeated.</param>
internal readonly record struct Credentials(CredentialsKind Kind, string Value)
{
    /// <summary>In the list of subprotocols, the only header that a browser's WebSocket can set.</summary>
    public const string SubprotocolPrefix = "bearer.";

    private const string QueryKey = "access_token";     // RFC 6750, 2.3

    /// <summary>What the visitor chose to show comes before what its browser sends by itself (the cookie).</summary>
    public static Credentials From(HttpRequest request, TokenOptions tokens)
    {
        var headers = request.Headers;
        if (headers["X-Api-Key"] is { Count: > 0 } key)
            return new(CredentialsKind.ApiKey, key.ToString());
        // Another scheme (Basic, of a proxy in front) is none of ours.
        if (headers.Authorization is { Count: > 0 } authorization)
        {
            foreach (var header in authorization)
            {
                // By hand: one that a parser finds malformed would be none, and its visitor an anonymous one.
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

/// <summary>What <see cref="Credentials"/> may be.</summary>
internal enum CredentialsKind
{
    /// <summary>There are none.</summary>
    None,

    /// <summary>An API key.</summary>
    ApiKey,

    /// <summary>A token, or an API key.</summary>
    Bearer,

    /// <summary>A token.</summary>
    Token,

    /// <summary>A token in an address, where none is allowed.</summary>
    Query,

    /// <summary>Several headers.</summary>
    Malformed,
}
