using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace Notifier.Tests.Support;

/// <summary>The program as an operator starts it, and everything that it prints.</summary>
internal sealed class NotifierProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly StringBuilder output = new();
    private readonly TaskCompletionSource outputEnded = new();
    private readonly TaskCompletionSource errorEnded = new();

    private NotifierProcess(string[] arguments, Dictionary<string, string> variables)
    {
        var start = NotifierBuild.Start(arguments);
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        foreach (var inherited in start.Environment.Keys.Where(key => key.StartsWith("ASPNETCORE_", StringComparison.Ordinal) || key.StartsWith("DOTNET_ENV", StringComparison.Ordinal) || key == "REDIS_URL").ToList())
            start.Environment.Remove(inherited);
        foreach (var (name, value) in variables)
            start.Environment[name] = value;
        process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Take(line.Data, outputEnded);
        process.ErrorDataReceived += (_, line) => Take(line.Data, errorEnded);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Everything that the program has printed so far, on both streams.</summary>
    public string Output
    {
        get
        {
            lock (output)
                return output.ToString();
        }
    }

    /// <summary>The first printed address with this scheme.</summary>
    public Uri Address(string scheme = "http") => new(Regex.Match(Output, $@"Page: ({scheme}://[^\s""]+)").Groups[1].Value);

    /// <param name="environment">Development or Production.</param>
    /// <param name="settings">Such as <c>Redis:Linger=00:00:00</c>.</param>
    public static NotifierProcess Start(string environment, params string[] settings) => Start(environment, [], settings);

    /// <param name="environment">Development or Production.</param>
    /// <param name="variables">Environment variables.</param>
    /// <param name="settings">Such as <c>Redis:Linger=00:00:00</c>.</param>
    public static NotifierProcess Start(string environment, Dictionary<string, string> variables, params string[] settings) =>
        new([$"--environment={environment}", "--urls=http://127.0.0.1:0", .. settings.Select(setting => "--" + setting)], variables);

    /// <summary>Runs a program that ends by itself.</summary>
    /// <returns>The exit code and the printed text.</returns>
    public static Task<(int ExitCode, string Output)> RunAsync(string environment, params string[] settings) => RunAsync(environment, [], settings);

    /// <inheritdoc cref="RunAsync(string, string[])"/>
    public static async Task<(int ExitCode, string Output)> RunAsync(string environment, Dictionary<string, string> variables, params string[] settings)
    {
        await using var program = Start(environment, variables, settings);
        return (await program.EndAsync(), program.Output);
    }

    /// <summary>Sends SIGTERM, as <c>docker stop</c> and systemd do.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> TerminateAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        return await EndAsync();
    }

    public Task PrintsAsync(string text) => Eventually.IsAsync(
        () => Output.Contains(text, StringComparison.Ordinal) || process.HasExited, $"it prints \"{text}\"");

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
        process.Dispose();
    }

    private async Task<int> EndAsync()
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        await process.WaitForExitAsync(limit.Token);
        await Task.WhenAll(outputEnded.Task, errorEnded.Task).WaitAsync(limit.Token);
        return process.ExitCode;
    }

    private void Take(string? line, TaskCompletionSource ended)
    {
        if (line is null)
            ended.TrySetResult();
        else
        {
            lock (output)
                output.AppendLine(line);
        }
    }
}
