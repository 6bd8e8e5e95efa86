using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Redis;
using OpenTelemetry.Metrics;

namespace Notifier.Tests.Support;

/// <summary>How the application listens, which decides the transport of its connections.</summary>
public enum Listen
{
    /// <summary>Plain TCP: the socket transport.</summary>
    Plain,

    /// <summary>TLS: the stream transport.</summary>
    Tls,
}

/// <summary>The whole application on a real Kestrel, on a free port.</summary>
internal sealed class NotifierApp : IAsyncDisposable
{
    /// <summary>A self-signed certificate for localhost.</summary>
    public static readonly Lazy<X509Certificate2> Certificate = new(SelfSigned);

    private readonly WebApplication app;

    private NotifierApp(WebApplication app, LogCapture log)
    {
        this.app = app;
        Log = log;
    }

    public LogCapture Log { get; }

    public IServiceProvider Services => app.Services;

    public IMeterFactory Meters => Services.GetRequiredService<IMeterFactory>();

    public SubscriptionHub Hub => Services.GetRequiredService<SubscriptionHub>();

    public ConnectionRegistry Connections => Services.GetRequiredService<ConnectionRegistry>();

    /// <summary>The sweep that runs each second over all connections.</summary>
    public Liveness Liveness => Services.GetServices<IHostedService>().OfType<Liveness>().Single();

    /// <summary>Waits for the only connection, because the answer to a handshake precedes its registration.</summary>
    public async Task<Connection> OnlyConnectionAsync()
    {
        await Eventually.IsAsync(() => Connections.Count == 1, "there is one connection");
        Connection? only = null;
        Connections.ForEach(connection => only = connection);
        return only!;
    }

    /// <summary>The test server, for tests that do not use Kestrel because they need only HTTP.</summary>
    public Microsoft.AspNetCore.TestHost.TestServer TestServer => (Microsoft.AspNetCore.TestHost.TestServer)Services.GetRequiredService<IServer>();

    /// <summary>An address such as <c>http://127.0.0.1:43210</c>.</summary>
    public Uri Address => new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>The address of a WebSocket.</summary>
    public Uri WebSocketAddress(string path = "/ws") =>
        new UriBuilder(new Uri(Address, path)) { Scheme = Address.Scheme == "https" ? "wss" : "ws" }.Uri;

    /// <param name="redis">A connection string, or empty for the application's default.</param>
    /// <param name="listen">Plain or TLS.</param>
    /// <param name="time">A clock that the test moves.</param>
    /// <param name="port">Zero for a free one.</param>
    /// <param name="replace">Replaces services of the application.</param>
    /// <param name="settings">Such as <c>Redis:Linger=00:00:00</c>.</param>
    public static async Task<NotifierApp> StartAsync(
        string redis, Listen listen = Listen.Plain, TimeProvider? time = null, int port = 0, Action<IServiceCollection>? replace = null,
        params string[] settings) =>
        await StartAsync(
            redis,
            builder =>
            {
                if (time is not null)
                    UseClock(builder.Services, time);
                replace?.Invoke(builder.Services);
                if (listen == Listen.Tls)
                    builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
                        System.Net.IPAddress.Loopback, port, endpoint => endpoint.UseHttps(Certificate.Value)));
            },
            [$"urls=http://127.0.0.1:{port}", .. settings]);

    /// <param name="redis">A connection string.</param>
    /// <param name="adapt">Further changes to the builder.</param>
    /// <param name="settings">Such as <c>Redis:Linger=00:00:00</c>.</param>
    public static Task<NotifierApp> StartAsync(string redis, Action<WebApplicationBuilder> adapt, params string[] settings) =>
        StartAsync(["environment=Development", $"Redis:Configuration={redis}", "Operations:DrainPeriod=00:00:00", .. settings], adapt);

    /// <summary>As the program starts, without the settings that other tests share.</summary>
    /// <param name="environment">Development or Production.</param>
    /// <param name="settings">Such as <c>Redis:Linger=00:00:00</c>.</param>
    public static Task<NotifierApp> StartAsConfiguredAsync(string environment, params string[] settings) =>
        StartAsync([$"environment={environment}", "urls=http://127.0.0.1:0", .. settings], static _ => { });

    /// <summary>
    /// OpenTelemetry knows meters by their names, so each server would store the metrics of every other server of this process, 177 KB for each
    /// metric. Tests of what is exported start the program instead.
    /// </summary>
    private static void StoreNoMetrics(MeterProviderBuilder metrics) => metrics.AddView(static _ => MetricStreamConfiguration.Drop);

    private static async Task<NotifierApp> StartAsync(string[] settings, Action<WebApplicationBuilder> adapt)
    {
        var log = new LogCapture();
        var app = global::Server.Build(
            [.. settings.Select(static setting => "--" + setting)],
            builder =>
            {
                builder.Logging.ClearProviders().AddProvider(log);
                builder.Services.ConfigureOpenTelemetryMeterProvider(StoreNoMetrics);
                adapt(builder);
            });
        try
        {
            await app.StartAsync();
        }
        catch
        {
            await app.DisposeAsync();       // parts of the application may already run
            throw;
        }
        return new NotifierApp(app, log);
    }

    /// <summary>
    /// Redis keeps the system's clock. With a clock that a test moves, the echo of a probe would take minutes. A delivery that runs for
    /// microseconds would look stuck, and its name would lose messages.
    /// </summary>
    private static void UseClock(IServiceCollection services, TimeProvider time)
    {
        services.AddSingleton(time);
        services.AddSingleton(static provider => ActivatorUtilities.CreateInstance<RedisProbe>(provider, TimeProvider.System));
        services.AddSingleton(static provider => ActivatorUtilities.CreateInstance<RedisBackplane>(provider, TimeProvider.System));
    }

    public async Task<bool> IsReadyAsync()
    {
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(Address, "/healthz/ready"));
        return answer.IsSuccessStatusCode;
    }

    /// <summary>Stops the application as SIGTERM does.</summary>
    public Task StopAsync() => app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
    }

    private static X509Certificate2 SelfSigned()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null);
    }
}
