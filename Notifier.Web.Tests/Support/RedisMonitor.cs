namespace Notifier.Tests.Support;

/// <summary>Records all commands of all clients, as Redis reports them (MONITOR).</summary>
internal sealed class RedisMonitor : IAsyncDisposable
{
    private readonly PlainRedisClient client;
    private readonly RedisServer redis;
    private readonly List<string> commands = [];

    private RedisMonitor(PlainRedisClient client, RedisServer redis)
    {
        this.client = client;
        this.redis = redis;
    }

    public static async Task<RedisMonitor> StartAsync(RedisServer redis)
    {
        var client = await PlainRedisClient.ConnectAsync(redis.Port);
        await client.AskAsync("MONITOR");
        return new RedisMonitor(client, redis);
    }

    /// <summary>How often clients have sent this command with this argument so far.</summary>
    public async Task<int> CountAsync(string command, string argument) =>
        (await CommandsAsync()).Count(said => said.Contains($"] \"{command}\" \"{argument}\"", StringComparison.OrdinalIgnoreCase));

    /// <summary>All commands so far, one a line, with unprintable characters escaped.</summary>
    public async Task<IReadOnlyList<string>> CommandsAsync()
    {
        var until = Guid.NewGuid().ToString();
        await redis.PublishAsync(until, "");
        string line;
        do
            commands.Add(line = await client.ReadTextAsync());
        while (!line.Contains(until, StringComparison.Ordinal));
        return commands;
    }

    public ValueTask DisposeAsync() => client.DisposeAsync();
}
