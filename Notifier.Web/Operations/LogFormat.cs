using System.Text.Encodings.Web;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.Logging.Console;

namespace Notifier.Operations;

/// <summary>
/// The default format of the log: short lines for people in Development, one JSON object per line for programs elsewhere.
/// <c>Logging:Console</c> overrides it.
/// </summary>
internal static class LogFormat
{
    public static void AddLogFormat(this WebApplicationBuilder builder)
    {
        var isDevelopment = builder.Environment.IsDevelopment();
        // Before all other sources, so that each of them overrides it.
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
        // The slim builder sets "simple" in code, which would override the configuration.
        var configuration = builder.Configuration;
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.FormatterName = configuration["Logging:Console:FormatterName"]);
        // Writes quotation marks as \" and not as \u0022: people read the log, and no browser parses it as HTML.
        builder.Services.Configure<JsonConsoleFormatterOptions>(static json =>
            json.JsonWriterOptions = json.JsonWriterOptions with { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }
}
