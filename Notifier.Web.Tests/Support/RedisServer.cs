using StackExchange.Redis;

namespace Notifier.Tests.Support;

/// <summary>A real Redis of a test's own, and a connection to it that is not the application's.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private static readonly Lazy<Task<bool>> HasDocker = new(async () =>
    {
        var has = await ContainerRedisHost.IsAvailableAsync();
        Console.WriteLine(has ? "Tests use Redis in containers (a Docker engine answers)." : "Tests use redis-server on this machine (no Docker engine answers).");
        return has;
    });

    private readonly IRedisHost host;

    private RedisServer(IRedisHost host, int port)
    {
        this.host = host;
        Port = port;
    }

    public int Port { get; }

    /// <summary>A connection string.</summary>
    public string Configuration => $"127.0.0.1:{Port}";

    /// <summary>The test's own connection.</summary>
    public ConnectionMultiplexer Connection { get; private set; } = null!;

    public IServer Server => Connection.GetServers().Single();

    public static async Task<RedisServer> StartAsync(params string[] arguments)
    {
        var redis = await CreateAsync(arguments);
        await redis.StartHostAsync();
        return redis;
    }

    /// <summary>The Redis that is inside Notifier (Microsoft.Garnet), alone. It cannot hang.</summary>
    public static async Task<RedisServer> StartEmbeddedAsync()
    {
        var port = FreePort.Next();
        var redis = new RedisServer(new EmbeddedRedisHost(port), port);
        await redis.StartHostAsync();
        return redis;
    }

    /// <summary>One that is not running yet.</summary>
    public static async Task<RedisServer> CreateAsync(params string[] arguments)
    {
        var port = FreePort.Next();
        return new RedisServer(await HasDocker.Value ? new ContainerRedisHost(port, arguments) : new ProcessRedisHost(port, arguments), port);
    }

    /// <param name="password">What the test's own connection says, when Redis wants one.</param>
    public async Task StartHostAsync(string password = "")
    {
        await host.StartAsync();
        if (Connection is not null)
            await Connection.DisposeAsync();
        Connection = await ConnectionMultiplexer.ConnectAsync($"{Configuration},allowAdmin=true,password={password}");
    }

    public Task KillAsync() => host.KillAsync();

    /// <summary>Makes it hang, with all its connections.</summary>
    public Task FreezeAsync() => host.FreezeAsync();

    public Task ThawAsync() => host.ThawAsync();

    /// <returns>How many clients of Redis received it: nodes, not browsers.</returns>
    public Task<long> PublishAsync(string channel, RedisValue payload) =>
        Connection.GetSubscriber().PublishAsync(RedisChannel.Literal(channel), payload);

    /// <summary>As a backend publishes what is to be kept: by the script.</summary>
    /// <returns>The message's position.</returns>
    public Task<string> PublishDurablyAsync(string channel, RedisValue payload, string key = "") => Connection.PublishDurablyAsync(channel, payload, key);

    public async Task<long> SubscribersAsync(string channel) =>
        await Server.SubscriptionSubscriberCountAsync(RedisChannel.Literal(channel));

    public Task<long> PatternsAsync() => Server.SubscriptionPatternCountAsync();

    /// <summary>All channels that somebody subscribes to, but those of libraries, and of the probe.</summary>
    public async Task<string[]> ChannelsAsync() =>
        [.. (await Server.SubscriptionChannelsAsync()).Select(channel => channel.ToString()).Where(channel => !channel.StartsWith("__", StringComparison.Ordinal) && !channel.StartsWith("notifier:", StringComparison.Ordinal))];

    public async ValueTask DisposeAsync()
    {
        if (Connection is not null)
            await Connection.DisposeAsync();
        await host.DisposeAsync();
    }
}
