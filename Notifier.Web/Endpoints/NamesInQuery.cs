using System.Net;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.Endpoints;

/// <summary>The names in an address: <c>?channel=…&amp;pattern=…</c>, each any number of times.</summary>
internal static class NamesInQuery
{
    /// <summary>Below this number each name of an address is refused by itself, even if the limits of a connection are lower.</summary>
    private const int AlwaysRead = 16;

    private const string NotUtf8 = "a name in the address is not UTF-8";

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <returns>Why the names cannot be read, or null.</returns>
    public static string? Read(QueryString query, LimitsOptions limits, out List<Name> names) => Read(query, limits, out names, out _, out _);

    /// <param name="query">The query.</param>
    /// <param name="limits">How many names a connection may have. Far more names are not even checked.</param>
    /// <param name="names">The names, in their order.</param>
    /// <param name="after">The values of <c>after=…</c>, in their order. The nth belongs to the nth name.</param>
    /// <param name="last">The values of <c>last=…</c>, likewise.</param>
    /// <returns>
    /// Why the names cannot be read, or null. ASP.NET Core would not decode a name that is not UTF-8, and the client would be subscribed to another name.
    /// </returns>
    public static string? Read(QueryString query, LimitsOptions limits, out List<Name> names, out List<string> after, out List<string> last)
    {
        var patterns = 0;
        (names, after, last) = ([], [], []);
        foreach (var pair in new QueryStringEnumerable(query.Value))
        {
            NameKind? kind = pair.EncodedName.Span switch
            {
                "channel" => NameKind.Channel,
                "pattern" => NameKind.Pattern,
                _ => null,
            };
            if (pair.EncodedName.Span is "after")
                after.Add(pair.DecodeValue().ToString());
            else if (pair.EncodedName.Span is "last")
                last.Add(pair.DecodeValue().ToString());
            if (kind is null)
                continue;
            if (names.Count == Math.Max(limits.NamesPerConnection, AlwaysRead))
                return $"the address has more than {names.Count} names (Limits:NamesPerConnection)";
            if (kind == NameKind.Pattern && ++patterns > Math.Max(limits.PatternsPerConnection, AlwaysRead))
                return $"the address has more than {patterns - 1} patterns (Limits:PatternsPerConnection)";
            var bytes = Encoding.ASCII.GetBytes(pair.EncodedValue.ToString());
            try
            {
                names.Add(new Name(kind.Value, Strict.GetString(WebUtility.UrlDecodeToBytes(bytes, 0, bytes.Length))));
            }
            catch (DecoderFallbackException)
            {
                return NotUtf8;
            }
        }
        return null;
    }
}
