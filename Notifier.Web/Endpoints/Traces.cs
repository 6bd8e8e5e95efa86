using System.Diagnostics;

namespace Notifier.Endpoints;

/// <summary>
/// Spans of what happens seldom: a handshake, a POST. Never of a message on its way to browsers, of which there are millions. Without a
/// listener (<c>OTEL_EXPORTER_OTLP_ENDPOINT</c>) there are none, and it costs nothing.
/// </summary>
internal static class Traces
{
    public const string SourceName = "Notifier";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>A span for the request, below the one that its <c>traceparent</c> names (W3C Trace Context).</summary>
    /// <remarks>
    /// By the header, and not below ASP.NET Core's own span, which is not exported: for a WebSocket it would last as long as the connection.
    /// </remarks>
    public static Activity? Begin(HttpContext context, string route)
    {
        if (!Source.HasListeners())
            return null;
        var headers = context.Request.Headers;
        ActivityContext.TryParse(headers.TraceParent, headers.TraceState, isRemote: true, out var parent);
        Activity.Current = null;    // where there is no header, this is the root
        return Source.StartActivity($"{context.Request.Method} {route}", ActivityKind.Server, parent)
            ?.SetTag("http.request.method", context.Request.Method)
            .SetTag("http.route", route);
    }

    /// <summary>Ends the span of a request that is answered with that status.</summary>
    public static void End(this Activity? span, int? status)
    {
        span?.SetTag("http.response.status_code", status);
        if (status >= StatusCodes.Status500InternalServerError)
            span?.SetStatus(ActivityStatusCode.Error);
        span?.Dispose();
    }
}
