using System.Diagnostics;

namespace Notifier.Endpoints;

/// <summary>
/// Spans of rare events: a handshake, a POST. Deliveries have no spans, because there are millions of them. Without a listener
/// (<c>OTEL_EXPORTER_OTLP_ENDPOINT</c>) there are no spans and no costs.
/// </summary>
internal static class Traces
{
    public const string SourceName = "Notifier";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>A span for the request, whose parent is that of its <c>traceparent</c> header (W3C Trace Context).</summary>
    /// <remarks>
    /// The parent is not ASP.NET Core's own span, which is not exported because it lasts as long as a WebSocket.
    /// </remarks>
    public static Activity? Begin(HttpContext context, string route)
    {
        if (!Source.HasListeners())
            return null;
        var headers = context.Request.Headers;
        ActivityContext.TryParse(headers.TraceParent, headers.TraceState, isRemote: true, out var parent);
        Activity.Current = null;    // without a header, this span is the root
        return Source.StartActivity($"{context.Request.Method} {route}", ActivityKind.Server, parent)
            ?.SetTag("http.request.method", context.Request.Method)
            .SetTag("http.route", route);
    }

    /// <summary>Ends the span of a request with the status of its answer.</summary>
    public static void End(this Activity? span, int? status)
    {
        span?.SetTag("http.response.status_code", status);
        if (status >= StatusCodes.Status500InternalServerError)
            span?.SetStatus(ActivityStatusCode.Error);
        span?.Dispose();
    }
}
