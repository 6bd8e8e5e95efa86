using System.Diagnostics;
using System.Globalization;
using StackExchange.Redis;

namespace Notifier.Tests.Support;

/// <summary>A primary, a replica of it, and three Sentinels that watch them: real processes, which can be killed and stopped.</summary>
internal sealed class Sentinels : IAsyncDisposable
{
    public const string ServiceName = "notifications";

    private readonly List<Process> processes = [];
    private readonly List<string> files = [];
    private readonly Dictionary<int, Process> nodes = [];
    private readonly int[] ports;
    private ConnectionMultiplexer asking = null!;

    private Sentinels() => ports = [FreePort.Next(), FreePort.Next(), FreePort.Next()];

    public string Configuration => $"{string.Join(',', ports.Select(port => $"127.0.0.1:{port}"))},serviceName={ServiceName}";

    public static async Task<Sentinels> StartAsync()
    {
        var all = new Sentinels();
        var primary = FreePort.Next();
        var replica = FreePort.Next();
        all.nodes[primary] = all.Start($"port {primary}");
        all.nodes[replica] = all.Start($"port {replica}\nreplicaof 127.0.0.1 {primary}\nrepl-diskless-sync-delay 0");
        foreach (var port in all.ports)
        {
            all.Start(
                $"port {port}\nsentinel monitor {ServiceName} 127.0.0.1 {primary} 2\nsentinel down-after-milliseconds {ServiceName} 2000\n"
                + $"sentinel failover-timeout {ServiceName} 3000",
                "--sentinel");
        }
        var options = new ConfigurationOptions { EndPoints = { { "127.0.0.1", all.ports[0] } }, CommandMap = CommandMap.Sentinel, AbortOnConnectFail = false };
        await Eventually.IsAsync(async () => (all.asking = await ConnectionMultiplexer.ConnectAsync(options)).IsConnected, "a Sentinel answers");
        await Eventually.IsAsync(
            async () => (await all.AskAsync("REPLICAS")).Length == 1 && (await all.AskAsync("SENTINELS")).Length == 2, "they know each other");
        return all;
    }

    /// <summary>The port of the primary, as the Sentinels see it.</summary>
    public async Task<int> PrimaryAsync()
    {
        var address = (string[]?)await asking.GetServers()[0].ExecuteAsync("SENTINEL", "GET-MASTER-ADDR-BY-NAME", ServiceName);
        return int.Parse(address![1], CultureInfo.InvariantCulture);
    }

    public void Signal(int port, string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{nodes[port].Id}"]);
        kill.WaitForExit();
    }

    public async ValueTask DisposeAsync()
    {
        await asking.DisposeAsync();
        foreach (var process in processes)
        {
            if (!process.HasExited)
                process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }
        files.ForEach(File.Delete);
    }

    private async Task<RedisResult[]> AskAsync(string what)
    {
        var known = (RedisResult[])(await asking.GetServers()[0].ExecuteAsync("SENTINEL", what, ServiceName))!;
        return [.. known.Where(static node => !node.ToDictionary()["flags"].ToString().Contains("down", StringComparison.Ordinal))];
    }

    /// <summary>Sentinels write their state into their file.</summary>
    private Process Start(string configuration, params string[] arguments)
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, $"bind 127.0.0.1\nsave \"\"\n{configuration}\n");
        files.Add(file);
        var process = Process.Start(new ProcessStartInfo("redis-server", [file, .. arguments]) { RedirectStandardOutput = true })!;
        process.OutputDataReceived += static (_, _) => { };     // a full pipe would stop it
        process.BeginOutputReadLine();
        processes.Add(process);
        return process;
    }
}
