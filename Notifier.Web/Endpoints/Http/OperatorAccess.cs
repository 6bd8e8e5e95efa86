using System.Net;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Access.Origins;

namespace Notifier.Endpoints.Http;

/// <summary>What is for operators and backends, not for visitors.</summary>
internal static class OperatorAccess
{
    /// <summary>For what changes something: an API key, shown by header.</summary>
    public static RouteHandlerBuilder RequireApiKey(this RouteHandlerBuilder route) => route.Guard(RefusalAsync);

    /// <summary>
    /// For what only shows something: an API key, or a port that visitors do not reach (<c>Access:OperatorPort</c>); in Development also this
    /// very machine.
    /// </summary>
    public static RouteHandlerBuilder RequireOperator(this RouteHandlerBuilder route) => route.Guard(CheckAsync);

    /// <summary>The same, for what is no handler. Null when it may be shown.</summary>
    public static async Task<AccessRefusal?> CheckAsync(HttpContext context) =>
        IsOperatorPort(context) || IsDeveloper(context) ? null : await RefusalAsync(context);

    private static bool IsOperatorPort(HttpContext context) =>
        context.RequestServices.GetRequiredService<IOptions<AccessOptions>>().Value.OperatorPort is { } port && context.Connection.LocalPort == port;

    /// <summary>
    /// Not what a tunnel relays, which comes from here too; and not a page of another site whose name was made to mean this machine (DNS rebinding).
    /// </summary>
    private static bool IsDeveloper(HttpContext context) =>
        context.RequestServices.GetRequiredService<IHostEnvironment>().IsDevelopment()
        && context.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address)
        && Origin.Parse($"http://{context.Request.Headers.Host}") is { IsLoopback: true }
        && !context.Request.Headers.ContainsKey("X-Forwarded-For") && !context.Request.Headers.ContainsKey("Forwarded");

    private static RouteHandlerBuilder Guard(this RouteHandlerBuilder route, Func<HttpContext, Task<AccessRefusal?>> check) => route
        .AddEndpointFilter(async (invocation, next) =>
            await check(invocation.HttpContext) is { } refusal ? refusal.ToProblem(invocation.HttpContext) : await next(invocation))
        .ProducesProblem(StatusCodes.Status401Unauthorized)
        .ProducesProblem(StatusCodes.Status403Forbidden);

    private static async Task<AccessRefusal?> RefusalAsync(HttpContext context)
    {
        var (caller, refusal) = await context.RequestServices.GetRequiredService<Authenticator>().AuthenticateBackendAsync(context);
        return refusal ?? (caller!.ApiKey is null ? AccessRefusal.Forbidden("this is for backends: an API key is needed (Access:ApiKeys)") : null);
    }
}
