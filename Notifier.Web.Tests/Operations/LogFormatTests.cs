using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>The log in the format that the program prints.</summary>
public sealed class LogFormatTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    [Fact]
    public async Task Each_log_line_in_production_is_a_json_object_with_named_values()
    {
        await using var program = NotifierProcess.Start("Production", $"Redis:Configuration={fixture.Redis.Configuration}");
        await program.PrintsAsync("Try: ");
        (await program.TerminateAsync()).Should().Be(0, program.Output);

        var lines = program.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonNode.Parse(line)!).ToList();

        lines.Should().HaveCountGreaterThan(3);
        lines.Should().OnlyContain(static line => (string?)line["Timestamp"] != null && (string?)line["LogLevel"] != null && (string?)line["Message"] != null);
        lines.Should().Contain(static line => (string?)line["State"]!["Redis"] == "see Redis:Configuration");
        program.Output.Should().Contain("\\\"Mathias signed up\\\"", "people read the log too");
    }

    [Fact]
    public async Task A_configured_log_format_replaces_the_default_one()
    {
        await using var program = NotifierProcess.Start(
            "Production", $"Redis:Configuration={fixture.Redis.Configuration}", "Logging:Console:FormatterName=simple", "Logging:Console:FormatterOptions:TimestampFormat=[HH] ");
        await program.PrintsAsync("Try: ");

        program.Output.Should().MatchRegex(@"(?m)^\[\d\d\] info: Notifier\[3\] Redis: see Redis:Configuration");
    }

    [Fact]
    public async Task The_first_log_line_and_the_stats_show_the_same_version()
    {
        await using var program = NotifierProcess.Start("Development", $"Redis:Configuration={fixture.Redis.Configuration}");
        await program.PrintsAsync("Try: ");
        using var http = new HttpClient();
        var stats = JsonNode.Parse(await http.GetStringAsync(new Uri(program.Address(), "/stats")))!;

        program.Output.Split('\n')[0].Should().EndWith($"Notifier {stats["version"]}").And.MatchRegex(@"Notifier \d+\.\d+\.\d+");
    }

    [Fact]
    public async Task A_log_level_changes_without_a_restart_when_the_settings_file_is_edited()
    {
        var file = Path.Combine(AppContext.BaseDirectory, "appsettings.Edited.json");
        await File.WriteAllTextAsync(file, "{}");
        try
        {
            await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration, settings: "environment=Edited");
            var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Notifier.Connections.Liveness");
            logger.IsEnabled(LogLevel.Debug).Should().BeFalse();

            await File.WriteAllTextAsync(file, """{ "Logging": { "LogLevel": { "Notifier.Connections": "Debug" } } }""");

            await Eventually.IsAsync(() => logger.IsEnabled(LogLevel.Debug), "the file was reloaded");
        }
        finally
        {
            File.Delete(file);
        }
    }
}
