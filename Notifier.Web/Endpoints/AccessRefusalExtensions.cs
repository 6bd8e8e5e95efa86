using Microsoft.AspNetCore.Http.HttpResults;
using Notifier.Access;
using Notifier.Messages;

namespace Notifier.Endpoints;

/// <summary>An access refusal as a close reason, and as an HTTP answer.</summary>
internal static class AccessRefusalExtensions
{
    public const int RetryAfterSeconds = 5;

    public static CloseReason ToClose(this AccessRefusal refusal) => refusal.Kind switch
    {
        AccessRefusalKind.Unauthorized => CloseReason.Unauthorized(refusal.Message),
        AccessRefusalKind.Forbidden => CloseReason.NotAllowed(refusal.Message),
        _ => CloseReason.Overloaded(refusal.Message),
    };

    public static ProblemHttpResult ToProblem(this AccessRefusal refusal, HttpContext context)
    {
        if (refusal.Kind == AccessRefusalKind.Unauthorized)
            context.Response.Headers.WWWAuthenticate = "Bearer";
        else if (refusal.Kind == AccessRefusalKind.Unavailable)
            context.Response.Headers.RetryAfter = $"{RetryAfterSeconds}";
        return TypedResults.Problem(refusal.Message, statusCode: refusal.Kind switch
        {
            AccessRefusalKind.Unauthorized => StatusCodes.Status401Unauthorized,
            AccessRefusalKind.Forbidden => StatusCodes.Status403Forbidden,
            _ => StatusCodes.Status503ServiceUnavailable,
        });
    }
}
