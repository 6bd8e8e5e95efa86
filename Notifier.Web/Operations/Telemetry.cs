using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Endpoints;
using Notifier.Endpoints.Http;
using Notifier.History;
using Notifier.Hub;
using Notifier.Redis;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Notifier.Operations;

/// <summary>
/// Exports the metrics of all folders: at <c>/metrics</c> for Prometheus, and by OTLP, together with traces, to
/// <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>. OpenTelemetry's other variables apply too (OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER …).
/// </summary>
internal static class Telemetry
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        var hasCollector = !string.IsNullOrEmpty(builder.Configuration[Endpoint]);
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(static resource => resource
                .AddService("notifier", serviceVersion: ProductVersion.Text)
                .AddEnvironmentVariableDetector())
            .WithMetrics(metrics =>
            {
                metrics
                    .AddMeter("Notifier.*", "Microsoft.AspNetCore.Hosting", "System.Runtime")
                    .AddPrometheusExporter();
                if (hasCollector)
                    metrics.AddOtlpExporter();
            });
        if (hasCollector)
            telemetry.WithTracing(static traces => traces.AddSource(Traces.SourceName).AddOtlpExporter());
    }

    /// <summary>Creates the meters and their listener. To be called before any value is recorded, because OpenTelemetry misses earlier ones.</summary>
    public static void StartTelemetry(this WebApplication app)
    {
        var services = app.Services;
        services.GetRequiredService<MeterProvider>();
        services.GetRequiredService<ConnectionMetrics>();
        services.GetRequiredService<HistoryMetrics>();
        services.GetRequiredService<SubscriptionHub>();
        var probe = services.GetRequiredService<RedisProbe>();
        services.GetRequiredService<RedisMetrics>().Observe(() => probe.State);
    }

    public static void MapMetrics(this WebApplication app)
    {
        var exporter = ((IApplicationBuilder)app).New().UseOpenTelemetryPrometheusScrapingEndpoint(static _ => true).Build();
        app.MapGet("/metrics", async context =>
        {
            if (await OperatorAccess.CheckAsync(context) is { } refusal)
                await refusal.ExecuteAsync(context);
            else
                await exporter(context);
        }).WithGate(GateChecks.AllButMemory).ExcludeFromDescription();
    }
}
