using System.Text.Encodings.Web;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.Logging.Console;

namespace Notifier.Operations;

/// <summary>
/// How the log looks where <c>Logging:Console</c> does not say: a short line for people in Development, a JSON object a line for programs
/// elsewhere.
/// </summary>
internal static class LogFormat
{
    public static void AddLogFormat(this WebApplicationBuilder builder)
    {
        var isDevelopment = builder.Environment.IsDevelopment();
        // Before all other sources: any of them wins.
        ((IConfigurationBuilder)builder.Configuration).Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData = new Dictionary<string, string?>
            {
                ["Logging:Console:FormatterName"] = isDevelopment ? ConsoleFormatterNames.Simple : ConsoleFormatterNames.Json,
                ["Logging:Console:FormatterOptions:SingleLine"] = "true",
                ["Logging:Console:FormatterOptions:TimestampFormat"] = isDevelopment ? "HH:mm:ss " : "yyyy-MM-ddTHH:mm:ss.fffZ",
                ["Logging:Console:FormatterOptions:UseUtcTimestamp"] = isDevelopment ? "false" : "true",
            },
        });
        // The slim builder has said "simple", whatever the configuration says.
        var configuration = builder.Configuration;
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.FormatterName = configuration["Logging:Console:FormatterName"]);
        // Quotation marks as \", not as \u0022: no browser takes a log for HTML, and people read it too.
        builder.Services.Configure<JsonConsoleFormatterOptions>(static json =>
            json.JsonWriterOptions = json.JsonWriterOptions with { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }
}
