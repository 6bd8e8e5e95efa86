using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Redis.Embedded;
using Notifier.Tests.Support;
using StackExchange.Redis;

namespace Notifier.Tests.Faults;

/// <summary>The Redis that a fault befalls, of whatever kind, as the node, the backend and the checks see it.</summary>
internal sealed class RedisSetup : IAsyncDisposable
{
    private readonly IAsyncDisposable[] parts;
    private readonly Func<Task<ConnectionMultiplexer>> connect;

    private RedisSetup(string configuration, Func<Task<ConnectionMultiplexer>> connect, params IAsyncDisposable[] parts)
    {
        Configuration = configuration;
        this.connect = connect;
        this.parts = parts;
    }

    /// <summary>What the node is told.</summary>
    public string Configuration { get; }

    /// <summary>Whether the backend has to look where Redis is, when it is refused.</summary>
    public bool Moves { get; private init; }

    /// <summary>A single Redis, unless it is something else.</summary>
    public RedisServer Redis { get; private init; } = null!;

    public GarnetHost Embedded { get; private init; } = null!;

    public RedisProxy Proxy { get; private init; } = null!;

    /// <summary>One Redis that keeps on disk what it has acknowledged.</summary>
    public static async Task<RedisSetup> SingleAsync(params string[] arguments)
    {
        var folder = Directory.CreateTempSubdirectory("notifier-faults-");
        var redis = await RedisServer.StartAsync(["--dir", folder.FullName, "--appendonly", "yes", "--appendfsync", "always", .. arguments]);
        return new(redis.Configuration, () => ConnectAsync(redis.Configuration), redis, new Folder(folder)) { Redis = redis };
    }

    /// <summary>The same, and a proxy between it and the node: the backend has a way of its own.</summary>
    public static async Task<RedisSetup> BehindProxyAsync(params string[] arguments)
    {
        var single = await SingleAsync(arguments);
        var proxy = new RedisProxy(single.Redis.Port);
        return new(proxy.Configuration, single.connect, proxy, single) { Redis = single.Redis, Proxy = proxy };
    }

    /// <summary>The Redis that is inside Notifier where none is configured, in memory; and a proxy before it.</summary>
    public static RedisSetup Garnet()
    {
        var garnet = new GarnetHost();
        var proxy = new RedisProxy(garnet.Port);
        return new(proxy.Configuration, () => ConnectAsync($"127.0.0.1:{garnet.Port}"), proxy, garnet) { Embedded = garnet, Proxy = proxy };
    }

    public static RedisSetup Of(Sentinels sentinels) =>
        new(sentinels.Configuration, async () => await ConnectAsync($"127.0.0.1:{await sentinels.PrimaryAsync()}", "asyncTimeout=1000"), sentinels) { Moves = true };

    public static RedisSetup Of(RedisCluster cluster) =>
        new(cluster.Configuration, () => ConnectAsync(cluster.Configuration, "asyncTimeout=1000"), cluster) { Moves = true };

    /// <summary>The backend is another user of Redis than the node.</summary>
    public RedisSetup As(string user, string password) =>
        new(Configuration, () => ConnectAsync($"{Redis.Configuration},user={user},password={password}"), this) { Redis = Redis };

    /// <summary>A connection of the backend's: it fails at once while Redis is away, and comes back soon.</summary>
    public Task<ConnectionMultiplexer> ConnectAsync() => connect();

    /// <summary>How many nodes of Notifier have these channels, and how many patterns there are (each counts once a server), in all of Redis.</summary>
    public async Task<string> SubscribedAsync(params string[] channels)
    {
        await using var connection = await connect();
        long patterns = 0;
        var counts = new long[channels.Length];
        foreach (var server in connection.GetServers().Where(static server => server.IsConnected))
        {
            patterns += await server.SubscriptionPatternCountAsync();
            for (var n = 0; n < channels.Length; n++)
                counts[n] += await server.SubscriptionSubscriberCountAsync(RedisChannel.Literal(channels[n]));
        }
        return $"{string.Join(' ', channels.Zip(counts, static (channel, count) => $"{channel} {count}"))} patterns {patterns}";
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var part in parts)
            await part.DisposeAsync();
    }

    private static async Task<ConnectionMultiplexer> ConnectAsync(string redis, string more = "asyncTimeout=100000")
    {
        var options = ConfigurationOptions.Parse($"{redis},abortConnect=false,allowAdmin=true,connectTimeout=1000,connectRetry=1,syncTimeout=5000,{more}");
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.HeartbeatInterval = TimeSpan.FromMilliseconds(50);
        options.ReconnectRetryPolicy = new LinearRetry(50);
        options.ConfigurationChannel = "";
        options.Protocol = RedisProtocol.Resp2;
        return await ConnectionMultiplexer.ConnectAsync(options);
    }

    private sealed class Folder(DirectoryInfo folder) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            folder.Delete(recursive: true);
            return ValueTask.CompletedTask;
        }
    }
}

/// <summary>The Redis that is inside Notifier, alone.</summary>
internal sealed class GarnetHost : IAsyncDisposable
{
    private EmbeddedRedis server;

    public GarnetHost() => server = EmbeddedRedis.Start(Port, NullLoggerFactory.Instance);

    public int Port { get; } = FreePort.Next();

    /// <summary>It ends, with all it has, and is there again after a while.</summary>
    public async Task RestartAsync(TimeSpan after)
    {
        server.Dispose();
        await Task.Delay(after);
        server = EmbeddedRedis.Start(Port, NullLoggerFactory.Instance);
    }

    public ValueTask DisposeAsync()
    {
        server.Dispose();
        return ValueTask.CompletedTask;
    }
}
