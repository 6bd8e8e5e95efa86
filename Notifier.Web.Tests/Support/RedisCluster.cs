using System.Diagnostics;

namespace Notifier.Tests.Support;

/// <summary>A real Redis Cluster of three nodes on this machine, without replicas.</summary>
internal sealed class RedisCluster : IAsyncDisposable
{
    private readonly List<ProcessRedisHost> nodes = [];
    private readonly string folder = Directory.CreateTempSubdirectory("notifier-cluster-").FullName;

    public List<int> Ports { get; } = [];

    /// <summary>A connection string.</summary>
    public string Configuration => string.Join(',', Ports.Select(port => $"127.0.0.1:{port}"));

    public static async Task<RedisCluster> StartAsync()
    {
        var cluster = new RedisCluster();
        for (var n = 0; n < 3; n++)
        {
            var (port, bus) = (FreePort.Next(), FreePort.Next());
            var node = new ProcessRedisHost(port, [
                "--cluster-enabled", "yes", "--cluster-port", $"{bus}", "--cluster-config-file", $"{port}.conf", "--dir", cluster.folder]);
            cluster.nodes.Add(node);
            cluster.Ports.Add(port);
            await node.StartAsync();
        }
        var create = new ProcessStartInfo("redis-cli", ["--cluster", "create", .. cluster.Ports.Select(port => $"127.0.0.1:{port}"), "--cluster-yes"])
        {
            RedirectStandardOutput = true,
        };
        using var cli = Process.Start(create)!;
        var output = await cli.StandardOutput.ReadToEndAsync().WaitAsync(Eventually.Limit);
        await cli.WaitForExitAsync();
        if (cli.ExitCode != 0)
            throw new InvalidOperationException($"redis-cli could not create a cluster:\n{output}");
        foreach (var port in cluster.Ports)
        {
            await using var client = await PlainRedisClient.ConnectAsync(port);
            await Eventually.IsAsync(
                async () => (await client.AskAsync("CLUSTER", "INFO")).Contains("cluster_state:ok", StringComparison.Ordinal), "the cluster is complete");
        }
        return cluster;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in nodes)
        {
            await node.KillAsync();
            await node.DisposeAsync();
        }
        Directory.Delete(folder, recursive: true);
    }
}
