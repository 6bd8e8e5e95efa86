using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace Notifier.Endpoints.Http;

/// <summary>
/// The channel at the end of a raw address, such as <c>/publish/{channel}</c>. ASP.NET Core's path does not decode <c>%2F</c> and invalid UTF-8, and removes
/// <c>..</c>, so that the message would go to another channel.
/// </summary>
internal static class ChannelInPath
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <param name="context">The request.</param>
    /// <param name="prefix">The address before the channel: <c>/publish/</c>.</param>
    /// <returns>Null when the channel is not UTF-8, or the raw address does not contain the prefix.</returns>
    public static string? Read(HttpContext context, string prefix)
    {
        var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        var path = target.Split('?', 2)[0];
        var at = path.IndexOf(prefix, StringComparison.OrdinalIgnoreCase);
        if (at < 0)
            return null;
        // In a path, unlike in a query, a plus is a plus.
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
