using Microsoft.Extensions.Options;

namespace Notifier.Operations;

internal static class Setup
{
    /// <summary>The log, and secrets that lie in files: before anything else reads the configuration.</summary>
    public static void AddLogAndSecrets(this WebApplicationBuilder builder)
    {
        builder.AddLogFormat();
        SecretFiles.Read(builder.Configuration);
        // The host tells of a failed start with a stack trace; see StartupFailure. What ends the process later is critical.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        builder.Logging.AddSecrecy();
    }

    public static void AddOperations(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<OperationsOptions>().BindConfiguration("Operations").ValidateOnStart();
        services.AddSingleton<IValidateOptions<OperationsOptions>, OperationsValidator>();
        services.AddOptions<HostOptions>().Configure<IOptions<OperationsOptions>, IHostEnvironment>(static (host, operations, environment) =>
            host.ShutdownTimeout = Shutdown.PeriodOf(operations.Value, environment) + Shutdown.Limit);
        services.AddHostedService<Shutdown>();
        services.AddHostedService<StartupReport>();
        services.AddSingleton<StartupWarnings>();
        services.AddHostedService(static provider => provider.GetRequiredService<StartupWarnings>());
        builder.AddReadiness();
        builder.AddTelemetry();
    }

    /// <summary>Security headers on each response, and a warning about a proxy that is not known.</summary>
    public static void UseOperations(this WebApplication app)
    {
        app.UseSecurityHeaders();
        var warnings = app.Services.GetRequiredService<StartupWarnings>();
        app.Use((context, next) =>
        {
            warnings.CheckRequest(context.Request);
            return next(context);
        });
    }

    public static void MapOperations(this WebApplication app)
    {
        app.MapMetrics();
        app.MapHealth();
    }
}
