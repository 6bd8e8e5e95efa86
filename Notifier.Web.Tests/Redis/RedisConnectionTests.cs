using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>Notifier loses one of its two connections to Redis, or Redis hangs.</summary>
public sealed class RedisConnectionTests
{
    [Fact]
    public async Task The_first_names_of_a_process_cause_no_gap()
    {
        await using var redis = await RedisServer.StartAsync();
        for (var start = 0; start < 5; start++)
        {
            await using var app = await NotifierApp.StartAsync(redis.Configuration);
            using var gaps = new GapCount(app);
            await using var client = await RawWebSocket.SubscribeAsync(app, "first");
            await Eventually.IsAsync(async () => await redis.PublishAsync("first", "hello") == 1, "the name is subscribed");
            await client.ReadTextAsync();
            gaps.Redis.Should().Be(0);
        }
    }

    [Theory]
    [InlineData("normal", 0)]
    [InlineData("pubsub", 1)]
    public async Task A_lost_connection_and_its_recovery_are_logged_each_time(string type, int gapsEachTime)
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        using var gaps = new GapCount(app);
        await using var client = await RawWebSocket.SubscribeAsync(app, "stays");
        await Eventually.IsAsync(async () => await redis.SubscribersAsync("stays") == 1, "the name is subscribed");
        for (var time = 1; time <= 2; time++)
        {
            (await KillConnectionAsync(redis, type)).Should().Be(1);
            await Eventually.IsAsync(() => CountOf(app, "Redis does not answer") == time && CountOf(app, "Redis is back") == time, "Notifier logs both");
        }

        await Eventually.IsAsync(async () => await redis.PublishAsync("stays", "hello") == 1, "the name is subscribed");
        (await client.ReadTextAsync()).Should().Be("hello");
        (await client.DrainAsync()).Should().BeEmpty();
        gaps.Redis.Should().Be(2 * gapsEachTime);
    }

    [Fact]
    public async Task The_first_subscribe_succeeds_after_redis_was_lost_and_has_restarted()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        await IsConnectedAsync(redis);
        await redis.KillAsync();
        await Eventually.IsAsync(() => CountOf(app, "Redis does not answer") == 1, "Notifier has noticed");

        await redis.StartHostAsync();
        await Eventually.IsAsync(() => CountOf(app, "Redis is back") == 1, "Redis is back");

        await using var client = await RawWebSocket.SubscribeAsync(app, "late");
        await Eventually.IsAsync(async () => await redis.PublishAsync("late", "hello") == 1, "the name is subscribed");
        (await client.ReadTextAsync()).Should().Be("hello");
    }

    [Fact]
    public async Task A_name_requested_while_redis_hangs_is_subscribed_when_redis_resumes_and_delivers_once()
    {
        await using var redis = await RedisServer.StartAsync("--enable-debug-command", "yes");
        await using var app = await NotifierApp.StartAsync(redis.Configuration + ",syncTimeout=300,asyncTimeout=300", settings: "Redis:Linger=00:00:00");
        await IsConnectedAsync(redis);
        await using var admin = await PlainRedisClient.ConnectAsync(redis.Port);
        await using (var channel = await RawWebSocket.ConnectAsync(app.WebSocketAddress()))
        await using (var pattern = await RawWebSocket.ConnectAsync(app.WebSocketAddress()))
        {
            await admin.SendAsync("DEBUG", "SLEEP", "1.2");     // longer than Notifier waits for an answer
            await channel.SendTextAsync("hangs");
            await pattern.SendTextAsync("hang*");
            await admin.ReadAsync();
            await channel.IsLiveAsync(redis, "hangs");
            await pattern.IsLiveAsync(redis, "hangs");
            for (var i = 0; i < 10; i++)
                (await redis.PublishAsync("hangs", $"{i}")).Should().Be(2);

            foreach (var client in new[] { channel, pattern })
            {
                for (var i = 0; i < 10; i++)
                    (await client.ReadPastAsync("")).Should().Be($"{i}");
                (await client.DrainAsync()).Should().BeEmpty();
            }
        }
        await redis.IsEmptyAsync();
    }

    /// <summary>Waits until Notifier has both connections.</summary>
    private static Task IsConnectedAsync(RedisServer redis) => Eventually.IsAsync(
        async () => (await redis.Server.ClientListAsync()).Count(client => client.Name == "notifier") == 2, "the application is connected");

    private static async Task<long> KillConnectionAsync(RedisServer redis, string type)
    {
        await using var admin = await PlainRedisClient.ConnectAsync(redis.Port);
        var id = (await admin.AskAsync("CLIENT", "LIST", "TYPE", type)).Split('\n')
            .Single(line => line.Contains(" name=notifier ", StringComparison.Ordinal)).Split(' ')[0]["id=".Length..];
        return long.Parse(await admin.AskAsync("CLIENT", "KILL", "ID", id), System.Globalization.CultureInfo.InvariantCulture);
    }

    private static int CountOf(NotifierApp app, string text) => app.Log.Lines.Count(line => line.Text.Contains(text, StringComparison.Ordinal));
}
