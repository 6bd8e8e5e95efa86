using Microsoft.AspNetCore.Http.Features;

namespace Notifier.Operations;

/// <summary>
/// Adds security headers to every HTTP response except handshakes. If a name or a payload became HTML despite all precautions, it could run no script,
/// load nothing and send nothing elsewhere. Comes first in the pipeline, so that refusals have the headers too.
/// </summary>
internal static class SecurityHeaders
{
    /// <summary>
    /// What the page needs: its own scripts and style sheet (none inline), a connection to its own host, its own pictures, and its icon
    /// (data:). No site may frame it, which prevents clickjacking.
    /// </summary>
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static void UseSecurityHeaders(this IApplicationBuilder app) => app.Use(static (context, next) =>
    {
        // Browsers ignore these headers on a handshake, and the callback would live as long as the connection.
        if (!IsHandshake(context.Features))
            context.Response.OnStarting(static state => Write((HttpResponse)state), context.Response);   // not now: an error clears them
        return next(context);
    });

    private static Task Write(HttpResponse response)
    {
        var headers = response.Headers;
        headers.ContentSecurityPolicy = Policy;
        // The browser must not guess another type from the content.
        headers.XContentTypeOptions = "nosniff";
        // The page's address may contain a token, which a link must not reveal to another site.
        headers["Referrer-Policy"] = "no-referrer";
        // A site that opens the page in a window gets no reference to that window.
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        return Task.CompletedTask;
    }

    /// <summary>Whether the request is a handshake of HTTP/1.1 (an upgrade) or HTTP/2 (an extended CONNECT).</summary>
    private static bool IsHandshake(IFeatureCollection features) =>
        features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true } || features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true };
}
