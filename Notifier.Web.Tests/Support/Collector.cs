using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Notifier.Tests.Support;

/// <summary>Receives what OpenTelemetry's exporters send by OTLP over HTTP, and keeps the bytes.</summary>
internal sealed class Collector : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly ConcurrentQueue<(string Path, byte[] Body)> received = [];

    private Collector(WebApplication app) => this.app = app;

    public string Address => app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <summary>The settings that make a process export to this collector, and soon.</summary>
    public string[] Settings =>
    [
        $"OTEL_EXPORTER_OTLP_ENDPOINT={Address}", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_METRIC_EXPORT_INTERVAL=200",
        "OTEL_BSP_SCHEDULE_DELAY=100",
    ];

    public static async Task<Collector> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var collector = new Collector(builder.Build());
        collector.app.MapPost("/v1/{signal}", async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            collector.received.Enqueue((context.Request.Path, body.ToArray()));
            context.Response.ContentType = "application/x-protobuf";
        });
        await collector.app.StartAsync();
        return collector;
    }

    /// <summary>Whether one message of the signal (metrics, traces) contains all of these parts.</summary>
    public bool Has(string signal, params byte[][] parts) =>
        received.Any(one => one.Path == $"/v1/{signal}" && parts.All(part => one.Body.AsSpan().IndexOf(part) >= 0));

    public bool HasAny(string signal) => received.Any(one => one.Path == $"/v1/{signal}");

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
    }
}
