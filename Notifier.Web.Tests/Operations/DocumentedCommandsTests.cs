using System.Diagnostics;
using System.Text.RegularExpressions;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>
/// Runs every command printed in the README and on the first page of the documentation, in order and unchanged. Only the ports differ, and
/// <c>dotnet run</c> starts the program that was built for the tests.
/// </summary>
public sealed partial class DocumentedCommandsTests
{
    /// <summary>The script that runs these tests.</summary>
    private static readonly string[] NotHere = ["./test.sh"];

    private readonly int port = FreePort.Next();
    private readonly int redisPort = FreePort.Next();

    [Theory]
    [InlineData("docs/README.md", 3)]
    [InlineData("docs/getting-started.md", 5)]
    public async Task Each_command_of_the_page_runs_without_an_error(string page, int atLeast)
    {
        var commands = Blocks().Matches(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, page)))
            .SelectMany(static block => block.Groups["commands"].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            .Except(NotHere).ToList();
        commands.Should().HaveCountGreaterThanOrEqualTo(atLeast);
        Process? server = null;
        try
        {
            foreach (var command in commands)
            {
                if (Server().Match(command) is { Success: true } run)
                {
                    await EndAsync(server);
                    server = await StartAsync(run.Groups["settings"].Value, run.Groups["arguments"].Value);
                }
                else
                    await RunAsync(command);
            }
        }
        finally
        {
            await EndAsync(server);
        }
    }

    private async Task RunAsync(string command)
    {
        var here = command
            .Replace("localhost:8081", $"localhost:{port}", StringComparison.Ordinal)
            .Replace("redis-cli ", $"redis-cli -p {redisPort} ", StringComparison.Ordinal);
        using var shell = Start(here);
        var output = await shell.StandardOutput.ReadToEndAsync().WaitAsync(Eventually.Limit);
        await shell.WaitForExitAsync();
        shell.ExitCode.Should().Be(0, $"\"{command}\" must work: {output}");
        output.Should().NotContainEquivalentOf("error", command);
    }

    /// <summary>The settings before the command become environment variables.</summary>
    private async Task<Process> StartAsync(string settings, string arguments)
    {
        var isProduction = arguments.Contains("--no-launch-profile", StringComparison.Ordinal);
        var own = arguments.Split(" -- ") is [_, var given] ? given : "";
        var server = Start(
            $"{settings.Replace("localhost:6379", $"localhost:{redisPort}", StringComparison.Ordinal)} exec dotnet {Path.Combine(AppContext.BaseDirectory, "Notifier.Web.dll")}"
            + $" --environment={(isProduction ? "Production" : "Development")} --urls=http://localhost:{port} --Redis:EmbeddedPort={redisPort} {own}");
        using var http = new HttpClient();
        await Eventually.IsAsync(
            async () =>
            {
                try
                {
                    return (await http.GetAsync(new Uri($"http://localhost:{port}/healthz/live"))).IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            "the server answers");
        return server;
    }

    private static Process Start(string command) => Process.Start(
        new ProcessStartInfo("bash", ["-c", command]) { RedirectStandardOutput = true })!;

    private static async Task EndAsync(Process? server)
    {
        if (server is null)
            return;
        server.Kill();
        await server.WaitForExitAsync();
        server.Dispose();
    }

    [GeneratedRegex("^```sh\n(?<commands>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Blocks();

    [GeneratedRegex(@"^(?<settings>(\S+=\S+ )*)dotnet run --project Notifier\.Web(?<arguments>.*)$")]
    private static partial Regex Server();
}
