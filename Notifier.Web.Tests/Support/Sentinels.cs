using System.Diagnostics;
using System.Globalization;
using StackExchange.Redis;

namespace Notifier.Tests.Support;

/// <summary>A primary, its replicas, and three Sentinels that monitor them: real processes, which can be killed and frozen.</summary>
internal sealed class Sentinels : IAsyncDisposable
{
    public const string ServiceName = "notifications";

    private readonly List<Process> processes = [];
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("notifier-sentinels-");
    private readonly Dictionary<int, Process> nodes = [];
    private readonly int[] ports;
    private readonly string host;
    private ConnectionMultiplexer asking = null!;

    private Sentinels(int port, string host)
    {
        ports = [port, FreePort.Next(), FreePort.Next()];
        this.host = host;
    }

    public string Configuration => $"{string.Join(',', ports.Select(port => $"{host}:{port}"))},serviceName={ServiceName}";

    /// <param name="port">The port of the first Sentinel, or zero for a free one.</param>
    /// <param name="host">The name that the Sentinels use for this machine.</param>
    /// <param name="password">The password that the servers require, if any.</param>
    /// <param name="doSentinelsAsk">Whether the Sentinels require it too.</param>
    /// <param name="replicas">The number of replicas.</param>
    /// <param name="failOverTimeout">In milliseconds. Also the limit of the wait for replicas.</param>
    public static async Task<Sentinels> StartAsync(
        int port = 0, string host = "127.0.0.1", string? password = null, bool doSentinelsAsk = false, int replicas = 1, int failOverTimeout = 3000)
    {
        var all = new Sentinels(port == 0 ? FreePort.Next() : port, host);
        var primary = FreePort.Next();
        var secret = password is null ? "" : $"\nrequirepass {password}\nmasterauth {password}";
        all.nodes[primary] = all.Start($"port {primary}{secret}\nreplica-announce-ip {host}");
        for (var n = 0; n < replicas; n++)
        {
            var replica = FreePort.Next();
            all.nodes[replica] = all.Start($"port {replica}{secret}\nreplica-announce-ip {host}\nreplicaof {host} {primary}\nrepl-diskless-sync-delay 0");
            all.Replicas.Add(replica);
        }
        foreach (var sentinel in all.ports)
        {
            all.nodes[sentinel] = all.Start(
                $"port {sentinel}\nsentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n"
                + $"sentinel monitor {ServiceName} {host} {primary} 2\nsentinel down-after-milliseconds {ServiceName} 2000\n"
                + $"sentinel failover-timeout {ServiceName} {failOverTimeout}"
                + (password is null ? "" : $"\nsentinel auth-pass {ServiceName} {password}")
                + (doSentinelsAsk ? $"\nrequirepass {password}" : ""),
                "--sentinel");
        }
        var options = new ConfigurationOptions
        {
            EndPoints = { { "127.0.0.1", all.ports[0] } },
            CommandMap = CommandMap.Sentinel,
            AbortOnConnectFail = false,
            Password = doSentinelsAsk ? password : null,
        };
        await Eventually.IsAsync(async () => (all.asking = await ConnectionMultiplexer.ConnectAsync(options)).IsConnected, "a Sentinel answers");
        await Eventually.IsAsync(
            async () => (await all.AskAsync("REPLICAS")).Length == replicas && (await all.AskAsync("SENTINELS")).Length == 2, "they know each other");
        // The primary knows a replica before the replica has its data. A fail-over in that second would lose recent writes.
        await using var client = await PlainRedisClient.ConnectAsync(primary);
        if (password is not null)
            await client.AskAsync("AUTH", password);
        await Eventually.IsAsync(
            async () =>
            {
                await client.AskAsync("SET", "replica", "follows");
                return await client.AskAsync("WAIT", $"{replicas}", "100") == $"{replicas}";
            },
            "the replicas follow the primary");
        return all;
    }

    /// <summary>The ports of the servers at the start.</summary>
    public List<int> Replicas { get; } = [];

    /// <summary>The port of one of the Sentinels.</summary>
    public int Sentinel => ports[2];

    /// <summary>The port of the primary that the Sentinels report.</summary>
    public async Task<int> PrimaryAsync()
    {
        var address = (string[]?)await asking.GetServers()[0].ExecuteAsync("SENTINEL", "GET-MASTER-ADDR-BY-NAME", ServiceName);
        return int.Parse(address![1], CultureInfo.InvariantCulture);
    }

    /// <summary>Whether the server reports itself as a replica.</summary>
    public static async Task<bool> IsReplicaAsync(int port)
    {
        try
        {
            await using var client = await PlainRedisClient.ConnectAsync(port);
            return (await client.AskAsync("ROLE")).Contains("slave", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;   // the Sentinels disconnect its clients when they make it a replica
        }
    }

    public void Signal(int port, string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{nodes[port].Id}"]);
        kill.WaitForExit();
    }

    public void SignalSentinels(string signal)
    {
        foreach (var sentinel in ports)
            Signal(sentinel, signal);
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
        folder.Delete(recursive: true);
    }

    private async Task<RedisResult[]> AskAsync(string what)
    {
        var known = (RedisResult[])(await asking.GetServers()[0].ExecuteAsync("SENTINEL", what, ServiceName))!;
        return [.. known.Where(static node => !node.ToDictionary()["flags"].ToString().Contains("down", StringComparison.Ordinal))];
    }

    /// <summary>
    /// Starts each process in its own folder. Sentinels write their state into their file, and a replica writes its data into another one.
    /// The next start would read both.
    /// </summary>
    private Process Start(string configuration, params string[] arguments)
    {
        var own = folder.CreateSubdirectory($"{processes.Count}");
        var file = Path.Combine(own.FullName, "redis.conf");
        File.WriteAllText(file, $"bind 127.0.0.1\ndir {own.FullName}\nsave \"\"\n{configuration}\n");
        var process = Process.Start(new ProcessStartInfo("redis-server", [file, .. arguments]) { RedirectStandardOutput = true })!;
        process.OutputDataReceived += static (_, _) => { };     // a full pipe would stop it
        process.BeginOutputReadLine();
        processes.Add(process);
        return process;
    }
}
