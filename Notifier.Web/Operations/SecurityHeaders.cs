using Microsoft.AspNetCore.Http.Features;

namespace Notifier.Operations;

/// <summary>
/// Every HTTP answer, but to handshakes, tells the browser to keep the page to what it is made of, so that a name or a payload that became HTML
/// after all could run nothing, load nothing and send nothing anywhere. Put first, so that refusals have the headers too.
/// </summary>
internal static class SecurityHeaders
{
    /// <summary>
    /// What the page needs: its own script and style sheet (none inline), a socket to its own host, pictures of its own, its icon
    /// (data:). Nobody may frame it, so as to have visitors click on what they do not see.
    /// </summary>
    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static void UseSecurityHeaders(this IApplicationBuilder app) => app.Use(static (context, next) =>
    {
        // Nothing looks at the headers of a handshake, and what is registered here would live as long as the connection.
        if (!IsHandshake(context.Features))
            context.Response.OnStarting(static state => Write((HttpResponse)state), context.Response);   // not now: an error clears them
        return next(context);
    });

    private static Task Write(HttpResponse response)
    {
        var headers = response.Headers;
        headers.ContentSecurityPolicy = Policy;
        // What is served as text stays text, whatever it looks like.
        headers.XContentTypeOptions = "nosniff";
        // The page's address may hold a token, which a link must not carry to another site.
        headers["Referrer-Policy"] = "no-referrer";
        // A site that opens the page in a window gets no hold of that window.
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        return Task.CompletedTask;
    }

    /// <summary>Of HTTP/1.1 (an upgrade), or of HTTP/2 (an extended CONNECT).</summary>
    private static bool IsHandshake(IFeatureCollection features) =>
        features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true } || features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true };
}
