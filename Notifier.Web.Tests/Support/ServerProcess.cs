using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;

namespace Notifier.Tests.Support;

/// <summary>The application in its own process, for tests of its signals, its exit code and its memory.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    private readonly Process process;
    private readonly string? certificate;
    private readonly ConcurrentQueue<string> output = [];
    private readonly TaskCompletionSource<Uri> address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServerProcess(string redis, Listen listen, Dictionary<string, string> environment, string[] settings)
    {
        if (listen == Listen.Tls)
        {
            certificate = Path.GetTempFileName();
            File.WriteAllBytes(certificate, NotifierApp.Certificate.Value.Export(X509ContentType.Pfx));
        }
        string[] endpoint = listen == Listen.Tls
            ? ["--Kestrel:Endpoints:Tls:Url=https://127.0.0.1:0", $"--Kestrel:Endpoints:Tls:Certificate:Path={certificate}"]
            : ["--urls=http://127.0.0.1:0"];
        var start = NotifierBuild.Start(
            ["--environment=Development", $"--Redis:Configuration={redis}", .. endpoint, .. settings.Select(setting => "--" + setting)]);
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
    }

    /// <summary>An address such as <c>http://127.0.0.1:43210</c>.</summary>
    public Uri Address => address.Task.Result;

    /// <summary>Everything that the server has printed.</summary>
    public string Output => string.Join('\n', output);

    /// <summary>The resident memory.</summary>
    public long ResidentBytes
    {
        get
        {
            var line = File.ReadLines($"/proc/{process.Id}/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
            return 1024 * long.Parse(line.AsSpan("VmRSS:".Length).Trim(" \tkB"), CultureInfo.InvariantCulture);
        }
    }

    /// <summary>The processor time that the server has used.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            process.Refresh();
            return process.TotalProcessorTime;
        }
    }

    public static Task<ServerProcess> StartAsync(string redis, Listen listen, params string[] settings) => StartAsync(redis, listen, [], settings);

    /// <param name="redis">A connection string.</param>
    /// <param name="listen">Plain or TLS.</param>
    /// <param name="environment">Environment variables.</param>
    /// <param name="settings">Such as <c>Redis:Linger=00:00:00</c>.</param>
    public static async Task<ServerProcess> StartAsync(string redis, Listen listen, Dictionary<string, string> environment, params string[] settings)
    {
        var server = new ServerProcess(redis, listen, environment, settings);
        server.process.Start();
        server.process.BeginOutputReadLine();
        server.process.BeginErrorReadLine();
        await server.address.Task.WaitAsync(Eventually.Limit);
        return server;
    }

    public Uri WebSocketAddress(string path = "/ws") =>
        new UriBuilder(new Uri(Address, path)) { Scheme = Address.Scheme == "https" ? "wss" : "ws" }.Uri;

    /// <summary>Sends SIGTERM, as an orchestrator does.</summary>
    public void Terminate() => Signal("TERM");

    /// <param name="name">A signal such as <c>STOP</c>.</param>
    public void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", $"{process.Id}"]);
        kill.WaitForExit();
    }

    /// <returns>The exit code.</returns>
    public async Task<int> WaitForExitAsync(TimeSpan limit)
    {
        await process.WaitForExitAsync().WaitAsync(limit);
        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        if (certificate is not null)
            File.Delete(certificate);
    }

    private void Keep(string? line)
    {
        if (line is null)
        {
            address.TrySetException(new InvalidOperationException($"The server ended before it listened:\n{Output}"));
            return;
        }
        output.Enqueue(line);
        if (PageLine().Match(line) is { Success: true } page)
            address.TrySetResult(new Uri(page.Groups["address"].Value));
    }

    /// <summary>In Production the line is JSON, so other text follows the address.</summary>
    [GeneratedRegex("Page: (?<address>[^\\s\"]+)")]
    private static partial Regex PageLine();
}
