using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Connections;

internal static class Setup
{
    private const string DevelopmentAddress = "http://localhost:8081";
    private const string ProductionAddress = "http://*:8081";

    public static void AddConnections(this WebApplicationBuilder builder)
    {
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(KestrelSetup.Configure);
        builder.Services.AddOptions<SocketTransportOptions>()
            .Configure<IOptions<LimitsOptions>>(KestrelSetup.Configure);
        // Not in appsettings.json, where it would override ASPNETCORE_URLS.
        var configuration = builder.Configuration;
        if (configuration["urls"] is null && configuration["http_ports"] is null && configuration["https_ports"] is null
            && !configuration.GetSection("Kestrel:Endpoints").Exists())
            builder.WebHost.UseUrls(builder.Environment.IsDevelopment() ? DevelopmentAddress : ProductionAddress);

        var services = builder.Services;
        services.AddSingleton<MemoryPressure>();
        services.AddHostedService(static provider => provider.GetRequiredService<MemoryPressure>());
        services.AddSingleton<Admission>();
        services.AddSingleton<AcceptedSockets>();
        services.AddSingleton<TlsInputRate>();
        // Kestrel prefers the one that was added last.
        services.AddSingleton<IConnectionListenerFactory>(static provider => new LimitedTransport(
            ActivatorUtilities.CreateInstance<SocketTransportFactory>(provider), new(provider.GetRequiredService<AcceptedSockets>)));
        services.AddSingleton<ConnectionRegistry>();
        services.AddSingleton<ConnectionMetrics>();
        services.AddHostedService<Liveness>();
    }

    /// <summary>WebSockets whose frames are written by <see cref="Connection"/>, and whose pings come from <see cref="Liveness"/>.</summary>
    public static void UseConnections(this WebApplication app)
    {
        KestrelSetup.Limit(app.Services);
        var time = app.Services.GetRequiredService<TimeProvider>();
        var log = app.Services.GetRequiredService<ILogger<Connection>>();
        app.Use((context, next) =>
        {
            WebSocketUpgrade.Intercept(context, time, log);
            return next(context);
        });
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.Zero });
    }

    /// <summary>Every request that is not a handshake has to end in time.</summary>
    public static void UseRequestDeadline(this WebApplication app)
    {
        var time = app.Services.GetRequiredService<TimeProvider>();
        var deadline = app.Services.GetRequiredService<IOptions<LimitsOptions>>().Value.RequestDeadline;
        app.Use((context, next) =>
        {
            RequestDeadline.Begin(context, time, deadline);
            return next(context);
        });
    }
}
