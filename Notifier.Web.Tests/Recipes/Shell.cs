using System.Diagnostics;

namespace Notifier.Tests.Recipes;

/// <summary>Runs programs that end by themselves.</summary>
internal static class Shell
{
    /// <summary>An installation from a registry may take this long on a clean machine.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    /// <returns>What the program printed on both streams.</returns>
    public static async Task<string> RunAsync(string folder, string program, params string[] arguments)
    {
        var (exitCode, output) = await TryAsync(folder, program, arguments);
        return exitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {exitCode}:\n{output}");
    }

    /// <returns>The exit code, and what the program printed on both streams.</returns>
    public static async Task<(int ExitCode, string Output)> TryAsync(string folder, string program, params string[] arguments)
    {
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(program, arguments)
            {
                WorkingDirectory = folder,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                RedirectStandardInput = true,
            },
        };
        process.Start();
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            var streams = await Task.WhenAll(
                process.StandardOutput.ReadToEndAsync(limit.Token), process.StandardError.ReadToEndAsync(limit.Token));
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, string.Concat(streams));
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end within {Limit}.");
        }
    }
}
