using System.Buffers;
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

    /// <summary>The characters of a token (RFC 9110, 5.6.2), such as the name of a scheme.</summary>
    private static readonly SearchValues<char> SchemeCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~");

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
                if (FromAuthorization(header!) is { } bearer)
                    return authorization.Count == 1 ? bearer : new(CredentialsKind.Malformed, "");
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

    /// <summary>
    /// The credentials of the scheme Bearer; null for another scheme. No parser: it would skip a malformed header, and the caller would count as anonymous.
    /// Whatever follows the scheme, only a space may (RFC 9110, 11.4): a tab is malformed.
    /// </summary>
    private static Credentials? FromAuthorization(string header)
    {
        var end = header.AsSpan().IndexOfAnyExcept(SchemeCharacters);
        var scheme = end < 0 ? header : header.AsSpan(0, end);
        if (!scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase))
            return null;
        return end < 0 || header[end] == ' '
            ? new(CredentialsKind.Bearer, header[scheme.Length..].Trim(' '))
            : new(CredentialsKind.Malformed, "");
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

    /// <summary>Several <c>Authorization</c> headers, at least one of them with a token or an API key; or one that is not <c>Bearer</c>, a space, and a token.</summary>
    Malformed,
}
