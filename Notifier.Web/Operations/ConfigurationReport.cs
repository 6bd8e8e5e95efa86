using Notifier.Configuration;

namespace Notifier.Operations;

/// <summary>Warns about settings that have no effect, or another one than intended. In Development too: most of them are written there.</summary>
internal static partial class ConfigurationReport
{
    public static void Write(WebApplication app)
    {
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Notifier");
        foreach (var problem in app.Services.GetRequiredService<ConfigurationCheck>().Problems(app.Configuration))
            Log.Problem(logger, problem);
    }

    private static partial class Log
    {
        [LoggerMessage(16, LogLevel.Warning, "Configuration: {Problem}")]
        public static partial void Problem(ILogger logger, string problem);
    }
}
