using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.History.Durable;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>
/// Redis answers, but rejects the commands that the journal needs. A primary that restarts does so (<c>NOREPLICAS</c>) until the Sentinels
/// tell it about the new primary. A node once lost half a minute of durable messages that way.
/// </summary>
public sealed class RefusedJournalTests
{
    private const string Silent = "redis.call('PUBLISH', channel, envelope .. payload)";

    [Fact]
    public async Task A_node_waits_until_a_primary_without_replicas_accepts_writes_and_then_sends_a_reset_gap()
    {
        await using var redis = await LackingRedis.StartAsync();
        await using var app = await redis.StartAppAsync();
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "refused.back");
        await redis.ComeBackWithoutTheLastAsync(client, "refused.back");
        // While Redis loads its data the library may connect twice. This test is not about messages published between the two.
        await Eventually.IsAsync(() => app.Log.Says("Redis is back"), "the connection is stable");

        await redis.AllowWritesAsync();
        await redis.Connection.PublishDurablyAsync("refused.back", 4, 6);

        (await client.ReadAsync()).Bare().Should().Be("""{"type":"gap","channel":"refused.back","code":"reset"}""", "the node knows which messages it lacks, not only that some may be missing");
        await client.ReadNumbersAsync(4, 6);
    }

    [Fact]
    public async Task A_node_stops_waiting_for_a_primary_that_rejects_writes_and_sends_a_gap()
    {
        var time = new FakeTimeProvider();
        await using var redis = await LackingRedis.StartAsync();
        await using var app = await redis.StartAppAsync(time);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "refused.long");
        await redis.ComeBackWithoutTheLastAsync(client, "refused.long");

        var gap = client.ReadAsync();
        await Eventually.IsAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return gap.IsCompleted;
            },
            "the node logs it");
        (await gap).Bare().Should().Be("""{"type":"gap","channel":"refused.long","code":"redis"}""");
        await redis.Connection.GetSubscriber().PublishAsync(RedisChannel.Literal("refused.long"), "plain");
        (await client.ReadAsync()).Bare().Should().Be("""{"type":"message","channel":"refused.long","data":"plain"}""");
    }

    [Fact]
    public async Task Missing_messages_are_fetched_once_redis_allows_the_journal_scripts_again()
    {
        await using var redis = await RedisServer.StartAsync();
        await redis.Server.ExecuteAsync("ACL", "SETUSER", "app", "on", ">opensesame", "~*", "&*", "+@all");
        await using var app = await NotifierApp.StartAsync($"{redis.Configuration},user=app,password=opensesame", settings: "History:Durable:Channels:0=refused.*");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "refused.once");
        await redis.Connection.PublishDurablyAsync("refused.once", 0, 3);
        await client.ReadNumbersAsync(0, 3);
        await redis.Server.ExecuteAsync("ACL", "SETUSER", "app", "-eval", "-evalsha");
        await redis.Server.ExecuteAsync("CLIENT", "KILL", "TYPE", "pubsub");
        (await client.ReadAsync()).Bare().Should().Be("""{"type":"gap","channel":"refused.once","code":"redis"}""");

        await redis.Server.ExecuteAsync("ACL", "SETUSER", "app", "+eval", "+evalsha");
        JournalScripts.Publish.Should().Contain(Silent);
        await redis.Connection.GetDatabase().ScriptEvaluateAsync(
            JournalScripts.Publish.Replace(Silent, "0", StringComparison.Ordinal), [JournalScripts.State], ["refused.once", "3"]);
        await redis.Connection.PublishDurablyAsync("refused.once", 4, 6);

        await client.ReadNumbersAsync(3, 6);
    }

    [Fact]
    public async Task A_lost_connection_causes_a_gap_when_redis_allows_no_journal()
    {
        await using var redis = await RedisServer.StartAsync("--min-replicas-to-write", "1");
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: "History:Durable:Channels:0=refused.*");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "refused.none");

        await redis.Server.ExecuteAsync("CLIENT", "KILL", "TYPE", "pubsub");

        (await client.ReadAsync()).Bare().Should().Be("""{"type":"gap","channel":"refused.none","code":"redis"}""");
    }

    /// <summary>
    /// Like a primary that restarts after another one took over: it lacks the last messages and its replicas, and rejects new ones.
    /// </summary>
    private sealed class LackingRedis(RedisServer redis, DirectoryInfo folder) : IAsyncDisposable
    {
        public ConnectionMultiplexer Connection => redis.Connection;

        public static async Task<LackingRedis> StartAsync()
        {
            var folder = Directory.CreateTempSubdirectory("notifier-lacking-");
            var redis = new LackingRedis(await RedisServer.StartAsync("--dir", folder.FullName, "--min-replicas-to-write", "1"), folder);
            await redis.AllowWritesAsync();
            return redis;
        }

        public Task<NotifierApp> StartAppAsync(TimeProvider? time = null) =>
            NotifierApp.StartAsync(redis.Configuration, time: time, settings: "History:Durable:Channels:0=refused.*");

        public Task AllowWritesAsync() => redis.Server.ConfigSetAsync("min-replicas-to-write", 0);

        /// <summary>
        /// Returns after the client has received the message that Redis lacks, and the node has found that Redis rejects writes.
        /// </summary>
        public async Task ComeBackWithoutTheLastAsync(JsonClient client, string channel)
        {
            await redis.Connection.PublishDurablyAsync(channel, 0, 2);
            await redis.Server.ExecuteAsync("SAVE");
            await redis.Connection.PublishDurablyAsync(channel, 2, 4);
            await client.ReadNumbersAsync(0, 4);
            await redis.KillAsync();
            await redis.StartHostAsync();
            await Eventually.IsAsync(
                async () => (await redis.Server.InfoRawAsync("errorstats"))!.Contains("errorstat_NOREPLICAS", StringComparison.Ordinal), "the node was refused");
        }

        public async ValueTask DisposeAsync()
        {
            await redis.DisposeAsync();
            folder.Delete(recursive: true);
        }
    }
}
