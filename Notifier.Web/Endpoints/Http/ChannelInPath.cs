using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace Notifier.Endpoints.Http;

/// <summary>
/// The channel at the end of an address, such as <c>/publish/{channel}</c>, as it was written: ASP.NET Core leaves <c>%2F</c> and what is not UTF-8 undecoded, and
/// folds <c>..</c>, so that the message would go to another channel.
/// </summary>
internal static class ChannelInPath
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <param name="context">The request.</param>
    /// <param name="prefix">What is before it: <c>/publish/</c>.</param>
    /// <returns>Null when it is not UTF-8, or the address was folded.</returns>
    public static string? Read(HttpContext context, string prefix)
    {
        var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        var path = target.Split('?', 2)[0];
        var at = path.IndexOf(prefix, StringComparison.OrdinalIgnoreCase);
        if (at < 0)
            return null;
        // A plus is a plus here, unlike in a query.
        var bytes = Encoding.ASCII.GetBytes(path[(at + prefix.Length)..].Replace("+", "%2B", StringComparison.Ordinal));
        try
        {
            return Strict.GetString(WebUtility.UrlDecodeToBytes(bytes, 0, bytes.Length));
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
