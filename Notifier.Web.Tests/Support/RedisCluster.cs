using System.Diagnostics;

namespace Notifier.Tests.Support;

/// <summary>A real Redis Cluster on this machine: three primaries, and replicas if the test wants some.</summary>
internal sealed class RedisCluster : IAsyncDisposable
{
    private const int Primaries = 3;

    private readonly Dictionary<int, ProcessRedisHost> nodes = [];
    private readonly string folder = Directory.CreateTempSubdirectory("notifier-cluster-").FullName;

    /// <summary>The ports of the servers that were not killed.</summary>
    public List<int> Ports { get; } = [];

    /// <summary>A connection string.</summary>
    public string Configuration { get; private set; } = "";

    /// <param name="replicas">The number of replicas of each primary.</param>
    public static async Task<RedisCluster> StartAsync(int replicas = 0)
    {
        var cluster = new RedisCluster();
        for (var n = 0; n < Primaries * (1 + replicas); n++)
        {
            var (port, bus) = (FreePort.Next(), FreePort.Next());
            var node = new ProcessRedisHost(port, [
                "--cluster-enabled", "yes", "--cluster-port", $"{bus}", "--cluster-config-file", $"{port}.conf", "--dir", cluster.folder,
                "--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0"]);
            cluster.nodes.Add(port, node);
            cluster.Ports.Add(port);
            await node.StartAsync();
        }
        var hosts = cluster.Ports.Select(static port => $"127.0.0.1:{port}").ToArray();
        cluster.Configuration = string.Join(',', hosts);
        var create = new ProcessStartInfo("redis-cli", ["--cluster", "create", .. hosts, "--cluster-replicas", $"{replicas}", "--cluster-yes"])
        {
            RedirectStandardOutput = true,
        };
        using var cli = Process.Start(create)!;
        var output = await cli.StandardOutput.ReadToEndAsync().WaitAsync(Eventually.Limit);
        await cli.WaitForExitAsync();
        if (cli.ExitCode != 0)
            throw new InvalidOperationException($"redis-cli could not create a cluster:\n{output}");
        await cluster.IsCompleteAsync();
        foreach (var port in cluster.Ports)
        {
            await using var client = await PlainRedisClient.ConnectAsync(port);
            await Eventually.IsAsync(
                async () => await client.AskAsync("INFO", "replication") is var said
                    && (said.Contains("role:master", StringComparison.Ordinal) || said.Contains("master_link_status:up", StringComparison.Ordinal)),
                "each replica follows its primary");
        }
        return cluster;
    }

    /// <summary>Waits until every remaining node knows the owner of each slot.</summary>
    public async Task IsCompleteAsync()
    {
        foreach (var port in Ports)
        {
            await using var client = await PlainRedisClient.ConnectAsync(port);
            await Eventually.IsAsync(
                async () => (await client.AskAsync("CLUSTER", "INFO")).Contains("cluster_state:ok", StringComparison.Ordinal)
                    && (await client.AskAsync("CLUSTER", "NODES")).Split('\n').Count(static line => line.Contains(" master ", StringComparison.Ordinal)
                        || line.Contains("myself,master ", StringComparison.Ordinal)) == Primaries,
                "the cluster is complete", TimeSpan.FromSeconds(40));
        }
    }

    /// <summary>Ends a server like a crash.</summary>
    public async Task KillAsync(int port)
    {
        Ports.Remove(port);
        await nodes[port].KillAsync();
    }

    /// <summary>Freezes a server for good.</summary>
    public async Task FreezeAsync(int port)
    {
        Ports.Remove(port);
        await nodes[port].FreezeAsync();
    }

    /// <summary>Freezes all servers until they are thawed.</summary>
    public Task FreezeAsync() => Task.WhenAll(Ports.Select(port => nodes[port].FreezeAsync()));

    public Task ThawAsync() => Task.WhenAll(Ports.Select(port => nodes[port].ThawAsync()));

    /// <summary>Waits until all remaining nodes know that the node has failed.</summary>
    public async Task NoticesAsync(int killed)
    {
        foreach (var port in Ports)
        {
            await using var client = await PlainRedisClient.ConnectAsync(port);
            await Eventually.IsAsync(
                async () => (await client.AskAsync("CLUSTER", "NODES")).Split('\n').Any(line =>
                    line.Contains($"127.0.0.1:{killed}@", StringComparison.Ordinal) && line.Contains(",fail ", StringComparison.Ordinal)),
                "the others notice", TimeSpan.FromSeconds(40));
        }
    }

    /// <summary>Moves a key's slot and its contents to another primary, with the steps of <c>redis-cli --cluster reshard</c>.</summary>
    public async Task MoveSlotAsync(string key)
    {
        await using var any = await PlainRedisClient.ConnectAsync(Ports[0]);
        var slot = await any.AskAsync("CLUSTER", "KEYSLOT", key);
        var primaries = new List<(int Port, string Id)>();
        foreach (var port in Ports)
        {
            await using var node = await PlainRedisClient.ConnectAsync(port);
            if ((await node.AskAsync("INFO", "replication")).Contains("role:master", StringComparison.Ordinal))
                primaries.Add((port, await node.AskAsync("CLUSTER", "MYID")));
        }
        var owner = await OwnerAsync(any, slot);
        var (from, fromId) = primaries.Single(primary => primary.Id == owner);
        var (to, toId) = primaries.First(primary => primary.Id != owner);
        await using var source = await PlainRedisClient.ConnectAsync(from);
        await using var target = await PlainRedisClient.ConnectAsync(to);
        await target.AskAsync("CLUSTER", "SETSLOT", slot, "IMPORTING", fromId);
        await source.AskAsync("CLUSTER", "SETSLOT", slot, "MIGRATING", toId);
        await source.SendAsync("CLUSTER", "GETKEYSINSLOT", slot, "1000000");
        var keys = (await source.ReadAsync()).Select(System.Text.Encoding.UTF8.GetString).ToArray();
        if (keys.Length > 0)
            await source.AskAsync(["MIGRATE", "127.0.0.1", $"{to}", "", "0", "10000", "KEYS", .. keys]);
        await target.AskAsync("CLUSTER", "SETSLOT", slot, "NODE", toId);
        foreach (var (port, _) in primaries.Where(primary => primary.Port != to))
        {
            await using var node = await PlainRedisClient.ConnectAsync(port);
            await node.AskAsync("CLUSTER", "SETSLOT", slot, "NODE", toId);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in nodes.Values)
        {
            await node.KillAsync();
            await node.DisposeAsync();
        }
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>The id of the primary that owns a slot.</summary>
    private static async Task<string> OwnerAsync(PlainRedisClient node, string slot)
    {
        var number = int.Parse(slot, System.Globalization.CultureInfo.InvariantCulture);
        foreach (var line in (await node.AskAsync("CLUSTER", "NODES")).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = line.Split(' ');
            foreach (var range in parts.Skip(8).Where(static part => !part.StartsWith('[')))
            {
                var ends = range.Split('-').Select(static end => int.Parse(end, System.Globalization.CultureInfo.InvariantCulture)).ToArray();
                if (number >= ends[0] && number <= ends[^1])
                    return parts[0];
            }
        }
        throw new InvalidOperationException($"Nobody has slot {slot}.");
    }
}
