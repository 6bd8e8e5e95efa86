using System.Net;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Access.Origins;

namespace Notifier.Endpoints.Http;

/// <summary>
/// Protects routes that are for operators and backends, not for visitors. With <c>Access:OperatorPort</c> they exist on that port only, whatever the spelling
/// of the address, so that a gap in the rules of a proxy opens nothing.
/// </summary>
internal static class OperatorAccess
{
    /// <summary>For a route that disconnects callers: requires an API key with that right, on each port.</summary>
    public static RouteHandlerBuilder RequireDisconnectRight(this RouteHandlerBuilder route) => route.Guard(static async context =>
        CheckPort(context) ?? await CheckApiKeyAsync(context, static backend => backend.MayDisconnect
            ? null
            : AccessRefusal.Forbidden("this API key may not disconnect callers: set Access:ApiKeys:<n>:Disconnect to true")));

    /// <summary>
    /// For a route that only shows something: requires the operator port if there is one, else an API key, or in Development the same machine.
    /// </summary>
    public static RouteHandlerBuilder RequireOperator(this RouteHandlerBuilder route) => route.Guard(CheckAsync);

    /// <summary>
    /// For publishing, which the endpoint itself authorizes. With an operator port, backends and anonymous callers publish there; on the other ports only
    /// visitors do, whose token or session grants it.
    /// </summary>
    public static RouteHandlerBuilder RequirePublisher(this RouteHandlerBuilder route) => route.AddEndpointFilter(async (invocation, next) =>
        CheckPublisher(invocation.HttpContext) is { } refusal ? refusal : await next(invocation));

    /// <summary>Null if the caller may publish on this port.</summary>
    public static ProblemHttpResult? CheckPublisher(HttpContext context) =>
        CheckPort(context) is { } refusal && (IsOperatorPort(context) || !IsVisitor(context)) ? refusal : null;

    /// <summary>The same check for a route without a route handler. Null if access is allowed.</summary>
    public static async Task<ProblemHttpResult?> CheckAsync(HttpContext context)
    {
        if (Options(context).OperatorPort is not null)
            return CheckPort(context);
        var isDeveloper = context.RequestServices.GetRequiredService<IHostEnvironment>().IsDevelopment() && context.Request.IsLocal();
        return isDeveloper ? null : await CheckApiKeyAsync(context, static _ => null);
    }

    /// <summary>Null if there is no operator port, or if the request is on it.</summary>
    private static ProblemHttpResult? CheckPort(HttpContext context)
    {
        if (Options(context).OperatorPort is null)
            return null;
        if (!IsOperatorPort(context))
            return TypedResults.Problem("this route exists only on the port for operators (Access:OperatorPort)", statusCode: StatusCodes.Status404NotFound);
        return IsOperatorHost(context)
            ? null
            : TypedResults.Problem(
                "the host of this address is unknown here: use an IP address, or list the host in Access:OperatorHosts", statusCode: StatusCodes.Status403Forbidden);
    }

    private static bool IsVisitor(HttpContext context) => context.RequestServices.GetRequiredService<Authenticator>().IsVisitor(context.Request);

    private static bool IsOperatorPort(HttpContext context) => context.Connection.LocalPort == Options(context).OperatorPort;

    /// <summary>
    /// Whether the host is not one that an attacker can point to this machine, so that a page of that host could read the routes with an operator's browser (DNS
    /// rebinding). HTTP/1.0 allows a request without a host; no browser sends one.
    /// </summary>
    private static bool IsOperatorHost(HttpContext context)
    {
        var header = context.Request.Headers.Host.ToString();
        return header.Length == 0
            || (Origin.Parse("http", header) is { } origin
                && (origin.IsLoopback || IPAddress.TryParse(origin.Host, out _) || !origin.Host.Contains('.', StringComparison.Ordinal)
                    || Options(context).OperatorHosts.Contains(origin.Host, StringComparer.OrdinalIgnoreCase)));
    }

    private static AccessOptions Options(HttpContext context) => context.RequestServices.GetRequiredService<IOptions<AccessOptions>>().Value;

    private static RouteHandlerBuilder Guard(this RouteHandlerBuilder route, Func<HttpContext, Task<ProblemHttpResult?>> check) => route
        .AddEndpointFilter(async (invocation, next) => await check(invocation.HttpContext) is { } refusal ? refusal : await next(invocation))
        .ProducesProblem(StatusCodes.Status401Unauthorized)
        .ProducesProblem(StatusCodes.Status403Forbidden);

    /// <param name="context">The request.</param>
    /// <param name="check">Whether the backend has the right that the route requires.</param>
    private static async Task<ProblemHttpResult?> CheckApiKeyAsync(HttpContext context, Func<Caller, AccessRefusal?> check)
    {
        var (caller, refusal) = await context.RequestServices.GetRequiredService<Authenticator>().AuthenticateBackendAsync(context);
        refusal ??= caller!.ApiKey is null ? AccessRefusal.Forbidden("only backends may do this: an API key is required (Access:ApiKeys)") : check(caller);
        return refusal?.ToProblem(context);
    }
}
