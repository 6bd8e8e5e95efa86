using System.Net;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Access.Origins;

namespace Notifier.Endpoints.Http;

/// <summary>Protects routes that are for operators and backends, not for visitors.</summary>
internal static class OperatorAccess
{
    /// <summary>For a route that changes something: requires an API key in a header.</summary>
    public static RouteHandlerBuilder RequireApiKey(this RouteHandlerBuilder route) => route.Guard(RefusalAsync);

    /// <summary>
    /// For a route that only shows something: requires an API key, or a port that visitors cannot reach (<c>Access:OperatorPort</c>), or in
    /// Development the same machine.
    /// </summary>
    public static RouteHandlerBuilder RequireOperator(this RouteHandlerBuilder route) => route.Guard(CheckAsync);

    /// <summary>The same check for a route without a route handler. Null if access is allowed.</summary>
    public static async Task<AccessRefusal?> CheckAsync(HttpContext context) =>
        IsOperatorPort(context) || IsDeveloper(context) ? null : await RefusalAsync(context);

    private static bool IsOperatorPort(HttpContext context) =>
        context.RequestServices.GetRequiredService<IOptions<AccessOptions>>().Value.OperatorPort is { } port && context.Connection.LocalPort == port;

    /// <summary>
    /// Not for requests through a tunnel, which come from this machine too; nor from a page whose host name an attacker pointed to this machine (DNS
    /// rebinding).
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
        return refusal ?? (caller!.ApiKey is null ? AccessRefusal.Forbidden("only backends may do this: an API key is required (Access:ApiKeys)") : null);
    }
}
