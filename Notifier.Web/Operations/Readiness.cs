using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Notifier.Connections;
using Notifier.Endpoints.Http;
using Notifier.Redis;

namespace Notifier.Operations;

/// <summary>
/// Whether a load balancer should send clients here: Redis answers, this node receives its messages, has memory for clients, and does not shut down.
/// </summary>
internal sealed class Readiness(RedisBackplane backplane, RedisProbe probe, Admission admission) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(Problem() is { } problem ? HealthCheckResult.Unhealthy(problem) : HealthCheckResult.Healthy());

    private string? Problem()
    {
        if (admission.IsDraining)
            return "shutting down";
        if (admission.CheckMemory() is { } refusal)
            return refusal.Text;
        if (backplane.ConnectedCommands is null || backplane.Health.IsAway)
            return backplane.Health.AnswersWithErrors ? "Redis answers with an error (the log says which)" : "Redis does not answer";
        return probe.Result switch
        {
            ProbeResult.Received or ProbeResult.NotAllowed => null,
            ProbeResult.Deaf => "this node does not receive messages published on Redis; the connection is being replaced",
            ProbeResult.Away => "Redis does not answer",
            _ => "not known yet whether this node receives messages from Redis",
        };
    }
}

internal static class HealthRoutes
{
    /// <summary>The library logs each unhealthy answer as an error. Notifier logs only changes, where they happen.</summary>
    private const string LibraryLog = "Microsoft.Extensions.Diagnostics.HealthChecks";

    public static void AddReadiness(this WebApplicationBuilder builder)
    {
        builder.Services.AddHealthChecks().AddCheck<Readiness>("ready");
        builder.Logging.AddFilter(LibraryLog, LogLevel.None);
    }

    /// <summary>
    /// <c>/healthz/live</c>: the process answers; if not, restart it. <c>/healthz/ready</c>: the node can serve clients; if not, a load balancer should
    /// send them elsewhere, but a restart does not help.
    /// </summary>
    public static void MapHealth(this WebApplication app)
    {
        app.MapHealthChecks("/healthz/live", new HealthCheckOptions { Predicate = static _ => false, ResponseWriter = WriteAsync }).WithGate(GateChecks.None);
        app.MapHealthChecks("/healthz/ready", new HealthCheckOptions { ResponseWriter = WriteAsync }).WithGate(GateChecks.None);
    }

    private static Task WriteAsync(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "text/plain; charset=utf-8";
        // Clients on pages of other origins check this before they reconnect; nothing in it is secret.
        context.Response.Headers.AccessControlAllowOrigin = "*";
        return context.Response.WriteAsync(report.Status == HealthStatus.Healthy
            ? "Healthy\n"
            : $"Unhealthy: {string.Join("; ", report.Entries.Values.Select(static entry => entry.Description))}\n");
    }
}
