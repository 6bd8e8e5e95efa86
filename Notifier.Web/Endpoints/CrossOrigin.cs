using Notifier.Access.Origins;

namespace Notifier.Endpoints;

/// <summary>
/// What the pages of other hosts may do here, by the same rules as for WebSockets; the answer tells their browser so (Fetch Standard,
/// 3.2, "HTTP CORS protocol").
/// </summary>
internal static class CrossOrigin
{
    /// <summary>Long enough to spare most preflights, short enough for a change of configuration to be noticed.</summary>
    private const string PreflightSeconds = "600";

    /// <returns>Null when the page may, or there is none; else why not.</returns>
    public static string? Check(this OriginRules origins, HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.Append("Vary", "Origin");
        if (origins.Check(context.Request) is { } refusal)
            return refusal;
        if (context.Request.Headers.Origin is [{ } origin])
        {
            headers.AccessControlAllowOrigin = origin;
            headers.AccessControlAllowCredentials = "true";
            headers.AccessControlExposeHeaders = "Retry-After";
        }
        return null;
    }

    /// <summary>Answers what a browser asks before a request that it would not send by itself.</summary>
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
