using Microsoft.AspNetCore.Http.Features;

namespace Notifier.Connections;

/// <summary>The address and the headers of a request that lasts as long as its connection.</summary>
internal static class RequestHead
{
    /// <summary>
    /// Frees their memory, twice the bytes that the client sent. Called when they were read for the last time. Kestrel must not keep them for the next request
    /// (<see cref="Microsoft.AspNetCore.Server.Kestrel.Core.KestrelServerOptions.DisableStringReuse"/>).
    /// </summary>
    public static void Release(HttpContext context)
    {
        context.Features.Set<IQueryFeature>(null);
        context.Features.Set<IRequestCookiesFeature>(null);
        context.Features.Set<IFormFeature>(null);
        context.Request.Headers.Clear();
        context.Request.QueryString = default;
        context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = "";
    }
}
