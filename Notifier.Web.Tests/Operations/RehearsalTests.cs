using System.Diagnostics;
using System.Text.RegularExpressions;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>
/// Runs the whole of docs/rehearsal.md with docs/rehearsal.sh: two nodes, nginx, Redis with Sentinels, and all the kills. Only the ports
/// and the home folder differ, and <c>dotnet publish</c> is replaced by the program that was built for the tests.
/// </summary>
public sealed partial class RehearsalTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task Each_command_of_the_rehearsal_page_succeeds_and_no_order_is_lost()
    {
        var folder = Directory.CreateTempSubdirectory("notifier-rehearsal-").FullName;
        try
        {
            var page = Path.Combine(folder, "rehearsal.md");
            await File.WriteAllTextAsync(page, WithOtherPorts(await File.ReadAllTextAsync(Documented("rehearsal.md"))));

            var (status, output) = await RunAsync(folder, Documented("rehearsal.sh"), page);

            status.Should().Be(0, "{0}\n{1}", output, Left(folder));
            Count().Count(output).Should().Be(16, "two listeners are counted eight times: {0}", output);
            Directory.Exists(Path.Combine(folder, "notifier-rehearsal")).Should().BeFalse("the page removes its files");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>What the script leaves after a failure: the received messages and the logs of the nodes.</summary>
    private static string Left(string folder) => string.Join(
        '\n',
        Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint })
            .Where(static file => Path.GetFileName(file) is "one.txt" or "two.txt" or "news.txt" or "node-1.log" or "node-2.log")
            .Select(static file => $"{Path.GetFileName(file)}:\n{File.ReadAllText(file)}"));

    private static string Documented(string name) => Path.Combine(AppContext.BaseDirectory, "docs", name);

    private static string WithOtherPorts(string page)
    {
        var others = new Dictionary<string, string>();
        var here = Port().Replace(page, port =>
        {
            if (!others.TryGetValue(port.Value, out var other))
            {
                do
                    other = $"{FreePort.Next()}";
                while (others.ContainsValue(other));
                others.Add(port.Value, other);
            }
            return other;
        });
        others.Should().HaveCount(11, "the page uses three Redis, three Sentinels, two nodes with two ports each, and nginx");
        const string build = "dotnet publish Notifier.Web -c Release -p:EmbeddedRedis=false -o ~/notifier-rehearsal/program";
        here.Should().Contain(build);
        return here.Replace(build, $"ln -s '{AppContext.BaseDirectory}' ~/notifier-rehearsal/program", StringComparison.Ordinal);
    }

    private static async Task<(int Status, string Output)> RunAsync(string home, params string[] command)
    {
        var start = new ProcessStartInfo("bash", command) { RedirectStandardOutput = true };
        start.Environment["HOME"] = home;
        start.Environment.Remove("ASPNETCORE_ENVIRONMENT");
        start.Environment.Remove("DOTNET_ENVIRONMENT");
        using var shell = Process.Start(start)!;
        var output = shell.StandardOutput.ReadToEndAsync();
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            await shell.WaitForExitAsync(limit.Token);
        }
        finally
        {
            if (!shell.HasExited)
                shell.Kill(entireProcessTree: true);
        }
        return (shell.ExitCode, await output);
    }

    [GeneratedRegex(@"\b(7[12]0[123]|[89]10[12]|8100)\b")]
    private static partial Regex Port();

    [GeneratedRegex("^(one|two).txt: order 1 to [0-9]+, each once, in order$", RegexOptions.Multiline)]
    private static partial Regex Count();
}
