using System.Net;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.Endpoints;

/// <summary>The names in an address, or in a form: <c>?channel=…&amp;pattern=…</c>, each any number of times, and what belongs to them.</summary>
internal sealed class NamesInQuery
{
    /// <summary>Below this number each name of an address is refused by itself, even if the limits of a connection are lower.</summary>
    public const int AlwaysRead = 16;

    private const string NotUtf8 = "a name in the address is not UTF-8";

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private NamesInQuery()
    {
    }

    /// <summary>In their order.</summary>
    public List<Name> Names { get; } = [];

    /// <summary>The values of <c>after=…</c>, in their order. The nth belongs to the nth name.</summary>
    public List<string> After { get; } = [];

    /// <summary>The values of <c>last=…</c>, likewise.</summary>
    public List<string> Last { get; } = [];

    /// <summary>
    /// The position that a replacement for EventSource has in the address, because some cannot set the header <c>Last-Event-ID</c>: event-source-polyfill
    /// (<c>lastEventId</c>) and the one of amvtek (<c>evs_last_event_id</c>). Null if there is none.
    /// </summary>
    public string? LastEventId { get; private set; }

    /// <param name="query">The query, with or without its question mark; or a form (application/x-www-form-urlencoded), each byte as one character.</param>
    /// <param name="limits">How many names a connection may have. Far more names are not even checked.</param>
    /// <param name="read">What was read.</param>
    /// <returns>
    /// Why the names cannot be read, or null. ASP.NET Core would not decode a name that is not UTF-8, and the client would be subscribed to another name.
    /// </returns>
    public static string? Read(string? query, LimitsOptions limits, out NamesInQuery read)
    {
        read = new();
        var patterns = 0;
        foreach (var pair in new QueryStringEnumerable(query))
        {
            NameKind? kind = pair.EncodedName.Span switch
            {
                "channel" => NameKind.Channel,
                "pattern" => NameKind.Pattern,
                _ => null,
            };
            if (kind is null)
            {
                read.Add(pair);
                continue;
            }
            if (read.Names.Count == Math.Max(limits.NamesPerConnection, AlwaysRead))
                return $"the address has more than {read.Names.Count} names (Limits:NamesPerConnection)";
            if (kind == NameKind.Pattern && ++patterns > Math.Max(limits.PatternsPerConnection, AlwaysRead))
                return $"the address has more than {patterns - 1} patterns (Limits:PatternsPerConnection)";
            var bytes = Encoding.Latin1.GetBytes(pair.EncodedValue.ToString());
            try
            {
                read.Names.Add(new Name(kind.Value, Strict.GetString(WebUtility.UrlDecodeToBytes(bytes, 0, bytes.Length))));
            }
            catch (DecoderFallbackException)
            {
                return NotUtf8;
            }
        }
        return null;
    }

    private void Add(QueryStringEnumerable.EncodedNameValuePair pair)
    {
        switch (pair.EncodedName.Span)
        {
            case "after":
                After.Add(pair.DecodeValue().ToString());
                break;
            case "last":
                Last.Add(pair.DecodeValue().ToString());
                break;
            case "lastEventId" or "evs_last_event_id" when !pair.EncodedValue.IsEmpty:
                LastEventId = pair.DecodeValue().ToString();
                break;
        }
    }
}
