using StackExchange.Redis;

namespace Notifier.Tests.Support;

/// <summary>A real Redis for one test, with a connection that is not the application's.</summary>
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

    /// <summary>Starts only the Redis that is part of Notifier (Microsoft.Garnet). It cannot be frozen.</summary>
    public static async Task<RedisServer> StartEmbeddedAsync()
    {
        var port = FreePort.Next();
        var redis = new RedisServer(new EmbeddedRedisHost(port), port);
        await redis.StartHostAsync();
        return redis;
    }

    /// <summary>Creates a Redis without starting it.</summary>
    public static async Task<RedisServer> CreateAsync(params string[] arguments)
    {
        var port = FreePort.Next();
        return new RedisServer(await HasDocker.Value ? new ContainerRedisHost(port, arguments) : new ProcessRedisHost(port, arguments), port);
    }

    /// <param name="password">The password of the test's own connection, if Redis requires one.</param>
    public async Task StartHostAsync(string password = "")
    {
        await host.StartAsync();
        if (Connection is not null)
            await Connection.DisposeAsync();
        Connection = await ConnectionMultiplexer.ConnectAsync($"{Configuration},allowAdmin=true,password={password}");
    }

    public Task KillAsync() => host.KillAsync();

    /// <summary>Freezes Redis with all its connections.</summary>
    public Task FreezeAsync() => host.FreezeAsync();

    public Task ThawAsync() => host.ThawAsync();

    /// <returns>The number of Redis clients that received the message: nodes, not browsers.</returns>
    public Task<long> PublishAsync(string channel, RedisValue payload) =>
        Connection.GetSubscriber().PublishAsync(RedisChannel.Literal(channel), payload);

    /// <summary>Publishes durably with the script, as a backend does.</summary>
    /// <returns>The message's position.</returns>
    public Task<string> PublishDurablyAsync(string channel, RedisValue payload, string key = "") => Connection.PublishDurablyAsync(channel, payload, key);

    public async Task<long> SubscribersAsync(string channel) =>
        await Server.SubscriptionSubscriberCountAsync(RedisChannel.Literal(channel));

    public Task<long> PatternsAsync() => Server.SubscriptionPatternCountAsync();

    /// <summary>All subscribed channels, except those of libraries and of the probe.</summary>
    public async Task<string[]> ChannelsAsync() =>
        [.. (await Server.SubscriptionChannelsAsync()).Select(channel => channel.ToString()).Where(channel => !channel.StartsWith("__", StringComparison.Ordinal) && !channel.StartsWith("notifier:", StringComparison.Ordinal))];

    public async ValueTask DisposeAsync()
    {
        if (Connection is not null)
            await Connection.DisposeAsync();
        await host.DisposeAsync();
    }
}
