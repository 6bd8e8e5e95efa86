using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Redis.Embedded;
using Notifier.Tests.Support;
using StackExchange.Redis;

namespace Notifier.Tests.Faults;

/// <summary>The Redis of a fault run, of any kind, as the node, the backend and the checks use it.</summary>
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

    /// <summary>The connection string of the node.</summary>
    public string Configuration { get; }

    /// <summary>Whether the primary may move, so that the backend must look for it after a failure.</summary>
    public bool Moves { get; private init; }

    /// <summary>The server, if the setup is a single Redis.</summary>
    public RedisServer Redis { get; private init; } = null!;

    public GarnetHost Embedded { get; private init; } = null!;

    public RedisProxy Proxy { get; private init; } = null!;

    /// <summary>One Redis, which stores each write on disk before it acknowledges it.</summary>
    public static async Task<RedisSetup> SingleAsync(params string[] arguments)
    {
        var folder = Directory.CreateTempSubdirectory("notifier-faults-");
        var redis = await RedisServer.StartAsync(["--dir", folder.FullName, "--appendonly", "yes", "--appendfsync", "always", .. arguments]);
        return new(redis.Configuration, () => ConnectAsync(redis.Configuration), redis, new Folder(folder)) { Redis = redis };
    }

    /// <summary>The same with a proxy between Redis and the node. The backend connects without the proxy.</summary>
    public static async Task<RedisSetup> BehindProxyAsync(params string[] arguments)
    {
        var single = await SingleAsync(arguments);
        var proxy = new RedisProxy(single.Redis.Port);
        return new(proxy.Configuration, single.connect, proxy, single) { Redis = single.Redis, Proxy = proxy };
    }

    /// <summary>The embedded Redis with a proxy in front of it.</summary>
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

    /// <summary>The same Redis, with another user for the backend than for the node.</summary>
    public RedisSetup As(string user, string password) =>
        new(Configuration, () => ConnectAsync($"{Redis.Configuration},user={user},password={password}"), this) { Redis = Redis };

    /// <summary>A connection of the backend. It fails at once while Redis does not answer, and reconnects quickly.</summary>
    public Task<ConnectionMultiplexer> ConnectAsync() => connect();

    /// <summary>How many nodes of Notifier are subscribed to these channels, and the number of patterns, over all servers of Redis (a pattern counts once for each).</summary>
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

/// <summary>The embedded Redis without Notifier.</summary>
internal sealed class GarnetHost : IAsyncDisposable
{
    private EmbeddedRedis server;

    public GarnetHost() => server = EmbeddedRedis.Start(Port, hasScripts: true, NullLoggerFactory.Instance);

    public int Port { get; } = FreePort.Next();

    /// <summary>Ends the server, which loses its data, and starts another one at the same port after a while.</summary>
    public async Task RestartAsync(TimeSpan after)
    {
        server.Dispose();
        await RealTime.PassesAsync(after);
        server = EmbeddedRedis.Start(Port, hasScripts: true, NullLoggerFactory.Instance);
    }

    public ValueTask DisposeAsync()
    {
        server.Dispose();
        return ValueTask.CompletedTask;
    }
}
