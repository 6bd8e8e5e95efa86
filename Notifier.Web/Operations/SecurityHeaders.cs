namespace Notifier.Operations;

/// <summary>
/// Every HTTP answer tells the browser to keep the page to what it is made of, so that a name or a payload that became HTML
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
        // Not now: an error would clear them, and whether it becomes a WebSocket is not known yet.
        context.Response.OnStarting(static state => Write((HttpContext)state), context);
        return next(context);
    });

    private static Task Write(HttpContext context)
    {
        if (IsWebSocket(context))
            return Task.CompletedTask;
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        // What is served as text stays text, whatever it looks like.
        headers.XContentTypeOptions = "nosniff";
        // The page's address may hold a token, which a link must not carry to another site.
        headers["Referrer-Policy"] = "no-referrer";
        // A site that opens the page in a window gets no hold of that window.
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        return Task.CompletedTask;
    }

    /// <summary>An upgrade of HTTP/1.1, or an extended CONNECT of HTTP/2 that was accepted: nothing looks at headers there.</summary>
    private static bool IsWebSocket(HttpContext context) =>
        context.Response.StatusCode == StatusCodes.Status101SwitchingProtocols
        || (HttpMethods.IsConnect(context.Request.Method) && context.Response.StatusCode == StatusCodes.Status200OK);
}
