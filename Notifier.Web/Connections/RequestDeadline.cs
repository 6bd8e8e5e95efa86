using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Notifier.Connections;

/// <summary>
/// Aborts a request that has not ended in time, because its client does not send the body or does not read the answer. Not for WebSockets and event
/// streams, where a slow reader is not an attack; see <see cref="Liveness"/>.
/// </summary>
/// <remarks>
/// Over HTTP/1.1, Kestrel's own limit of the data rate applies too. Over HTTP/2 Kestrel has only one limit for all streams of a connection, WebSockets
/// included: that one is off.
/// </remarks>
internal sealed class RequestDeadline : IDisposable
{
    /// <summary>Kestrel's defaults.</summary>
    private static readonly MinDataRate MinResponseRate = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));

    private readonly IHttpRequestLifetimeFeature? request;
    private readonly ITimer timer;

    private RequestDeadline(IHttpRequestLifetimeFeature? request, TimeProvider time, TimeSpan limit)
    {
        this.request = request;
        // Not through the HttpContext, which may serve the next request when the timer elapses.
        timer = time.CreateTimer(static self => ((RequestDeadline)self!).request?.Abort(), this, limit, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Begins the deadline of a request, unless it has begun.</summary>
    public static void Begin(HttpContext context, TimeProvider time, TimeSpan limit)
    {
        if (context.Features.Get<RequestDeadline>() is not null)
            return;
        var deadline = new RequestDeadline(context.Features.Get<IHttpRequestLifetimeFeature>(), time, limit);
        context.Features.Set(deadline);
        context.Response.RegisterForDispose(deadline);
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
            rate.MinDataRate = MinResponseRate;
    }

    /// <summary>The request may take any time from now on.</summary>
    public static void Stop(HttpContext context)
    {
        context.Features.Get<RequestDeadline>()?.Dispose();
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
    }

    public void Dispose() => timer.Dispose();
}
