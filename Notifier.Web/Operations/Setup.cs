using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Operations;

internal static class Setup
{
    /// <summary>Sets up the log. To be called before anything else reads the configuration.</summary>
    public static void AddLog(this WebApplicationBuilder builder)
    {
        builder.AddLogFormat();
        // The host logs a failed start as an error with a stack trace, which StartupFailure replaces. Later fatal errors are critical.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        builder.Logging.AddRequestLogFilter();
    }

    public static void AddOperations(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<OperationsOptions>().BindConfiguration("Operations").ValidateOnStart();
        services.AddKnownSettings<OperationsOptions>("Operations");
        services.AddSingleton<IValidateOptions<OperationsOptions>, OperationsValidator>();
        services.AddOptions<HostOptions>().Configure<IOptions<OperationsOptions>, IHostEnvironment>(static (host, operations, environment) =>
            host.ShutdownTimeout = Shutdown.DrainPeriodOf(operations.Value, environment) + Shutdown.StopTimeout);
        services.AddHostedService<Shutdown>();
        services.AddHostedService<StartupReport>();
        services.AddSingleton<StartupWarnings>();
        services.AddHostedService(static provider => provider.GetRequiredService<StartupWarnings>());
        builder.AddReadiness();
        builder.AddTelemetry();
    }

    /// <summary>
    /// Validates all options. Reports settings without an effect before that, because the typing error of one is why another is missing.
    /// </summary>
    public static void ValidateConfiguration(this WebApplication app)
    {
        ConfigurationReport.Write(app);
        try
        {
            app.Services.GetRequiredService<IStartupValidator>().Validate();
        }
        catch       // whatever it is, the process ends with it
        {
            ((IDisposable)app).Dispose();   // the console has all lines of the log then
            throw;
        }
    }

    /// <summary>Warns about an unknown proxy.</summary>
    public static void UseOperations(this WebApplication app)
    {
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
