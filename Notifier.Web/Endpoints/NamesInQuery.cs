using System.Net;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Notifier.Names;

namespace Notifier.Endpoints;

/// <summary>The names in an address: <c>?channel=…&amp;pattern=…</c>, each any number of times.</summary>
internal static class NamesInQuery
{
    public const string NotUtf8 = "a name in the address is not UTF-8";

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <returns>False when a name is not UTF-8: ASP.NET Core would not decode it, and the client would be subscribed to another name.</returns>
    public static bool TryRead(QueryString query, out List<Name> names) => TryRead(query, out names, out _, out _);

    /// <param name="query">The query.</param>
    /// <param name="names">The names, in their order.</param>
    /// <param name="after">The values of <c>after=…</c>, in their order. The nth belongs to the nth name.</param>
    /// <param name="last">The values of <c>last=…</c>, likewise.</param>
    public static bool TryRead(QueryString query, out List<Name> names, out List<string> after, out List<string> last)
    {
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
            var bytes = Encoding.ASCII.GetBytes(pair.EncodedValue.ToString());
            try
            {
                names.Add(new Name(kind.Value, Strict.GetString(WebUtility.UrlDecodeToBytes(bytes, 0, bytes.Length))));
            }
            catch (DecoderFallbackException)
            {
                return false;
            }
        }
        return true;
    }
}
