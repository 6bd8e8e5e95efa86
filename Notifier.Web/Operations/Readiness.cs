using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Notifier.Connections;
using Notifier.Redis;

namespace Notifier.Operations;

/// <summary>Whether visitors should be sent here: Redis answers, this node hears it, and it is not about to end.</summary>
internal sealed class Readiness(RedisBackplane backplane, RedisProbe probe, Admission admission) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Problem() is { } problem ? HealthCheckResult.Unhealthy(problem) : HealthCheckResult.Healthy());

    private string? Problem()
    {
        if (admission.IsDraining)
            return "going away";
        if (backplane.Connected is null || backplane.Health.IsAway)
            return backplane.Health.IsRefused ? "Redis answers with an error (the log says which)" : "Redis does not answer";
        return probe.Result switch
        {
            ProbeResult.Received or ProbeResult.NotAllowed => null,
            ProbeResult.Deaf => "messages published on Redis are not heard here; the connection is being replaced",
            ProbeResult.Away => "Redis does not answer",
            _ => "not known yet whether Redis is heard",
        };
    }
}

internal static class HealthRoutes
{
    /// <summary>The library logs each unhealthy answer as an error; what changes is logged where it does.</summary>
    private const string LibraryLog = "Microsoft.Extensions.Diagnostics.HealthChecks";

    public static void AddReadiness(this WebApplicationBuilder builder)
    {
        builder.Services.AddHealthChecks().AddCheck<Readiness>("ready");
        builder.Logging.AddFilter(LibraryLog, LogLevel.None);
    }

    /// <summary>
    /// <c>/healthz/live</c>: the process answers; one that does not should be started anew. <c>/healthz/ready</c>: it can serve; while it cannot, a
    /// load balancer should send visitors elsewhere, and starting it anew helps nobody.
    /// </summary>
    public static void MapHealth(this WebApplication app)
    {
        app.MapHealthChecks("/healthz/live", new HealthCheckOptions { Predicate = static _ => false, ResponseWriter = WriteAsync });
        app.MapHealthChecks("/healthz/ready", new HealthCheckOptions { ResponseWriter = WriteAsync });
    }

    private static Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "text/plain; charset=utf-8";
        // Clients on pages of other hosts ask whether to come back; there is nothing secret in it.
        context.Response.Headers.AccessControlAllowOrigin = "*";
        return context.Response.WriteAsync(report.Status == HealthStatus.Healthy
            ? "Healthy\n"
            : $"Unhealthy: {string.Join("; ", report.Entries.Values.Select(static entry => entry.Description))}\n");
    }
}
