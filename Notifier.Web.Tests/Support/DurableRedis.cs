using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.History.Durable;
using Notifier.Redis.Embedded;
using StackExchange.Redis;

namespace Notifier.Tests.Support;

/// <summary>The server that keeps the journal of a test: redis-server, or Garnet, which is part of Notifier.</summary>
internal sealed class DurableRedis : IAsyncDisposable
{
    private readonly IAsyncDisposable host;

    private DurableRedis(IAsyncDisposable host, string configuration, ConnectionMultiplexer connection)
    {
        this.host = host;
        Configuration = configuration;
        Connection = connection;
    }

    public string Configuration { get; }

    public ConnectionMultiplexer Connection { get; }

    /// <param name="kind"><c>redis</c> or <c>garnet</c>.</param>
    public static async Task<DurableRedis> StartAsync(string kind)
    {
        if (kind == "redis")
        {
            var server = await RedisServer.StartAsync();
            return new(server, server.Configuration, server.Connection);
        }
        var port = FreePort.Next();
        var garnet = EmbeddedRedis.Start(port, hasScripts: true, NullLoggerFactory.Instance);
        return new(new Garnet(garnet), $"127.0.0.1:{port}", await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{port},allowAdmin=true"));
    }

    /// <summary>Starts a node of Notifier with durable channels.</summary>
    public Task<NotifierApp> StartAppAsync(string channels, params string[] settings) => NotifierApp.StartAsync(
        Configuration, settings: [$"History:Durable:Channels:0={channels}", .. settings]);

    public async ValueTask DisposeAsync()
    {
        await Connection.DisposeAsync();
        await host.DisposeAsync();
    }

    private sealed class Garnet(EmbeddedRedis server) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            server.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}

internal static class DurablePublishing
{
    /// <summary>Waits until the node has the journal's end. A node creates the journal.</summary>
    public static async Task<JournalHead> WhenJournalExistsAsync(this NotifierApp app) =>
        (await app.Services.GetRequiredService<JournalReader>().ReadHeadAsync()) ?? throw new InvalidOperationException("Redis answers with an error");

    /// <summary>Publishes durably with the script, as a backend does.</summary>
    /// <returns>The message's position.</returns>
    public static async Task<string> PublishDurablyAsync(this ConnectionMultiplexer redis, string channel, RedisValue payload, string key = "")
    {
        await redis.EnsureJournalAsync();
        return (string)(await redis.RunAsync(JournalScripts.Publish, channel, payload, key))[0]!;
    }

    /// <summary>Publishes numbers in order, in batches small enough to be answered in time.</summary>
    public static async Task PublishDurablyAsync(this ConnectionMultiplexer redis, string channel, int from, int to)
    {
        await redis.EnsureJournalAsync();
        foreach (var some in Enumerable.Range(from, to - from).Chunk(100))
            await Task.WhenAll(some.Select(n => redis.RunAsync(JournalScripts.Publish, channel, $"{n}")));
    }

    /// <summary>Runs a script on the journal.</summary>
    public static async Task<RedisResult[]> RunAsync(this ConnectionMultiplexer redis, string script, params RedisValue[] arguments) =>
        (RedisResult[])(await redis.GetDatabase().ScriptEvaluateAsync(script, [JournalScripts.State], arguments))!;

    /// <summary>Creates the journal as a node does: a test may publish before its node has started, or just after a loss of data.</summary>
    public static async Task EnsureJournalAsync(this ConnectionMultiplexer redis)
    {
        if (await redis.GetDatabase().KeyExistsAsync(JournalScripts.State))
            return;
        var (inner, outer) = JournalMac.BlocksOf(RandomNumberGenerator.GetBytes(JournalMac.KeySize));
        await redis.RunAsync(
            JournalScripts.Head, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)),
            inner, outer, JournalScripts.SignedLines, 10_000, 86_400, "", "", "");
    }
}
