using Notifier.Access.Origins;

namespace Notifier.Endpoints;

/// <summary>
/// Allows requests from pages of other origins, by the same rules as for WebSockets, with the response headers of CORS (Fetch Standard, 3.2, "HTTP CORS
/// protocol").
/// </summary>
internal static class CrossOrigin
{
    /// <summary>Long enough to avoid most preflights, short enough that a change of the configuration soon takes effect.</summary>
    private const string PreflightSeconds = "600";

    /// <returns>Why the page may not send the request; null if it may, or if no page sends the request.</returns>
    public static string? Check(this OriginRules origins, HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.Append("Vary", "Origin");
        if (origins.Check(context.Request) is { } refusal)
            return refusal;
        if (context.Request.Headers.Origin is [{ } origin])
        {
            headers.AccessControlAllowOrigin = origin;
            if (origins.AllowsCredentials)
                headers.AccessControlAllowCredentials = "true";
            headers.AccessControlExposeHeaders = "Retry-After";
        }
        return null;
    }

    /// <summary>Answers a preflight: the request by which a browser asks whether a page may send its own request.</summary>
    public static IResult Preflight(HttpContext context, OriginRules origins)
    {
        if (origins.Check(context) is { } refusal)
            return Refusal(refusal);
        var headers = context.Response.Headers;
        headers.AccessControlAllowMethods = "GET, POST";
        headers.AccessControlAllowHeaders = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID";
        headers.AccessControlMaxAge = PreflightSeconds;
        return TypedResults.NoContent();
    }

    public static Microsoft.AspNetCore.Http.HttpResults.ProblemHttpResult Refusal(string reason) =>
        TypedResults.Problem(reason, statusCode: StatusCodes.Status403Forbidden);
}
