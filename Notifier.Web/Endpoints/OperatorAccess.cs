using Microsoft.Extensions.Options;
using Notifier.Access;

namespace Notifier.Endpoints;

/// <summary>What is for operators and backends, not for visitors.</summary>
internal static class OperatorAccess
{
    /// <summary>For what changes something: an API key, shown by header.</summary>
    public static RouteHandlerBuilder RequireApiKey(this RouteHandlerBuilder route) => route.Guard(static _ => false);

    /// <summary>For what only shows something: an API key, or a port that visitors do not reach (<c>Access:OperatorPort</c>).</summary>
    public static RouteHandlerBuilder RequireOperator(this RouteHandlerBuilder route) => route.Guard(static context =>
        context.RequestServices.GetRequiredService<IOptions<AccessOptions>>().Value.OperatorPort is { } port && context.Connection.LocalPort == port);

    private static RouteHandlerBuilder Guard(this RouteHandlerBuilder route, Func<HttpContext, bool> isOpen) => route
        .AddEndpointFilter(async (invocation, next) =>
            isOpen(invocation.HttpContext) || await RefusalAsync(invocation.HttpContext) is not { } refusal
                ? await next(invocation)
                : refusal.ToProblem(invocation.HttpContext))
        .ProducesProblem(StatusCodes.Status401Unauthorized)
        .ProducesProblem(StatusCodes.Status403Forbidden);

    private static async Task<AccessRefusal?> RefusalAsync(HttpContext context)
    {
        var (visitor, refusal) = await context.RequestServices.GetRequiredService<Visitors>().IdentifyBackendAsync(context);
        return refusal ?? (visitor!.ApiKey is null ? AccessRefusal.Forbidden("this is for backends: an API key is needed (Access:ApiKeys)") : null);
    }
}
