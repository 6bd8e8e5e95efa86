using Microsoft.AspNetCore.Http.Features;
using Notifier.Access.Origins;
using Notifier.Endpoints.Http;

namespace Notifier.Endpoints;

/// <summary>
/// Rejects addresses (URLs) that are too long, with an answer that says what to do instead. Kestrel would answer 414 without a word, and proxies have about the
/// same limit. So Kestrel reads addresses that are as long as all names of a connection, but no request goes on with one. (Over HTTP/2 Kestrel reads at most
/// 32 KiB, and ends the connection above that: it keeps what it has read for up to a hundred streams of a connection.)
/// </summary>
internal static class LongAddresses
{
    /// <summary>Kestrel's default, and that of most proxies. An address stays in memory as long as its connection.</summary>
    private const int MaxBytes = 8 * 1024;

    public static void UseLongAddresses(this WebApplication app)
    {
        var origins = app.Services.GetRequiredService<OriginRules>();
        var gate = app.Services.GetRequiredService<RequestGate>();
        app.Use((context, next) =>
        {
            if (context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Length <= MaxBytes)
                return next(context);
            if (!HttpProtocol.IsHttp2(context.Request.Protocol))
                context.Response.Headers.Connection = "close";
            origins.Check(context);     // so that a page of an allowed origin can read the answer
            return gate.CountAsync(context, static context => TypedResults.Problem(
                $"the address may have at most {MaxBytes} bytes: send names in the body of POST /events, or, on a WebSocket, in subscribe commands",
                statusCode: StatusCodes.Status414UriTooLong).ExecuteAsync(context));
        });
    }
}
