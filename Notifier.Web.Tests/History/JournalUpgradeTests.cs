using System.Text.RegularExpressions;
using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.History.Durable;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>Nodes are upgraded one after the other, and backends keep their copy of notifier.lua: nothing is lost.</summary>
public sealed partial class JournalUpgradeTests
{
    [Theory]
    [InlineData("channel", "upgrade.a", "")]
    [InlineData("pattern", "upgrade.*", "")]
    [InlineData("channel", "upgrade.a", "app:")]
    public async Task Messages_of_an_earlier_script_arrive_in_order_and_once(string kind, string name, string prefix)
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await using var app = await redis.StartAppAsync("upgrade.*", $"Redis:ChannelPrefix={prefix}");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync(kind, name);
        for (var n = 0; n < 300; n++)
        {
            if (n % 3 == 0)
                await redis.Connection.PublishDurablyAsync(prefix + "upgrade.a", $"{n}");
            else
                await redis.Connection.PublishWithEarlierScriptAsync(prefix + "upgrade.a", $"{n}");
        }

        await client.ReadNumbersAsync(0, 300);
        app.Log.Says("A backend publishes with a notifier.lua of an earlier version").Should().BeTrue();
    }

    /// <summary>Redis confirms the name before the node knows the end of the journal.</summary>
    [Fact]
    public async Task First_subscribers_receive_messages_of_an_earlier_script_from_the_moment_they_are_subscribed()
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await using var app = await redis.StartAppAsync("first.*");
        await redis.Connection.EnsureJournalAsync();
        for (var round = 0; round < 20; round++)
        {
            var channel = $"first.{round}";
            var number = 0;
            var publishing = Task.Run(async () =>
            {
                while (number < 40)
                    await redis.Connection.PublishWithEarlierScriptAsync(channel, $"{number++}");
            });
            await using var client = await JsonClient.ConnectAsync(app);
            await client.SubscribeAsync("channel", channel);
            await publishing;
            await redis.Connection.PublishDurablyAsync(channel, "40");

            var first = int.Parse((string)(await client.ReadAsync())["data"]!, System.Globalization.CultureInfo.InvariantCulture);
            await client.ReadNumbersAsync(first + 1, 41);
        }
    }

    [Fact]
    public async Task A_journal_of_an_earlier_version_gets_lines_with_a_mac_ten_minutes_after_the_last_earlier_node_has_left()
    {
        var time = new FakeTimeProvider();
        await using var redis = await DurableRedis.StartAsync("redis");
        await redis.Connection.CreateEarlierJournalAsync();
        await using var earlier = await ConnectionMultiplexer.ConnectAsync(redis.Configuration);
        await earlier.GetSubscriber().SubscribeAsync(RedisChannel.Literal("notifier:probe:AAAAAAAAAAAAAAAA"), static (_, _) => { });
        var lines = new List<string>();
        await redis.Connection.GetSubscriber().SubscribeAsync(RedisChannel.Literal("later.a"), (_, message) => Add(lines, message));
        await using var app = await NotifierApp.StartAsync(redis.Configuration, time: time, settings: "History:Durable:Channels:0=later.*");
        await Eventually.IsAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return app.Log.Says("nodes of an earlier version are connected");
            },
            "the node notices the earlier one");

        await DeliversAsync(redis, app, 0, 5);
        await LetCheckAsync(redis, time, TimeSpan.FromMinutes(20));
        (await LinesAsync(redis)).IsNull.Should().BeTrue("an earlier node is connected");
        await earlier.DisposeAsync();
        await LetCheckAsync(redis, time, TimeSpan.FromMinutes(5));
        (await LinesAsync(redis)).IsNull.Should().BeTrue("an earlier node may return");
        await DeliversAsync(redis, app, 5, 10);
        await Eventually.IsAsync(
            async () =>
            {
                time.Advance(TimeSpan.FromSeconds(20));
                return await LinesAsync(redis) == JournalScripts.SignedLines;
            },
            "the lines have a MAC");
        await DeliversAsync(redis, app, 10, 15);

        await Eventually.IsAsync(() => Count(lines) == 15, "all lines were seen");
        lines[..10].Should().OnlyContain(static line => line.StartsWith("notifier/1 epoch=", StringComparison.Ordinal), "earlier nodes must understand them");
        lines[10..].Should().OnlyContain(static line => line.StartsWith("notifier/2 epoch=", StringComparison.Ordinal));
        app.Log.Says("No node of an earlier version is connected").Should().BeTrue();
    }

    [Fact]
    public async Task A_journal_that_is_created_while_an_earlier_node_is_connected_has_lines_for_it()
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await using var earlier = await ConnectionMultiplexer.ConnectAsync(redis.Configuration);
        await earlier.GetSubscriber().SubscribeAsync(RedisChannel.Literal("notifier:probe:AAAAAAAAAAAAAAAA"), static (_, _) => { });
        await using var app = await redis.StartAppAsync("later.*");

        await Eventually.IsAsync(async () => await redis.Connection.GetDatabase().HashExistsAsync(JournalScripts.State, "inner"), "the node has created the journal");

        (await LinesAsync(redis)).IsNull.Should().BeTrue();
    }

    [Fact]
    public async Task A_node_that_may_not_ask_redis_for_other_nodes_says_how_to_switch_by_hand()
    {
        await using var redis = await RedisServer.StartAsync();
        await redis.Connection.CreateEarlierJournalAsync();
        await redis.Server.ExecuteAsync("ACL", "SETUSER", "app", "on", ">opensesame", "~*", "&*", "+@all", "-pubsub");
        await using var app = await NotifierApp.StartAsync($"{redis.Configuration},user=app,password=opensesame", settings: "History:Durable:Channels:0=later.*");

        await Eventually.IsAsync(() => app.Log.Says("HSET {notifier}:journal lines 2"), "the log names the command");

        app.Log.Says("Redis does not tell which nodes are connected: NOPERM").Should().BeTrue();
    }

    /// <summary>With a new client, because the time of the test passes too fast for a client to answer pings.</summary>
    private static async Task DeliversAsync(DurableRedis redis, NotifierApp app, int from, int to)
    {
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "later.a");
        await redis.Connection.PublishDurablyAsync("later.a", from, to);
        await client.ReadNumbersAsync(from, to);
    }

    /// <summary>Moves the clock in steps, and waits in each until the node has looked for earlier nodes.</summary>
    private static async Task LetCheckAsync(DurableRedis redis, FakeTimeProvider time, TimeSpan by)
    {
        for (var passed = TimeSpan.Zero; passed < by; passed += TimeSpan.FromSeconds(20))
        {
            var before = await ChecksAsync(redis);
            time.Advance(TimeSpan.FromSeconds(20));
            await Eventually.IsAsync(async () => await ChecksAsync(redis) > before, "the node looks for earlier nodes");
        }
    }

    private static async Task<string?> StatsAsync(DurableRedis redis) => await redis.Connection.GetServers().Single().InfoRawAsync("commandstats");

    private static async Task<int> ChecksAsync(DurableRedis redis) => CheckCalls().Match(await StatsAsync(redis) ?? "") is { Success: true } found
        ? int.Parse(found.Groups["calls"].ValueSpan, System.Globalization.CultureInfo.InvariantCulture)
        : 0;

    [GeneratedRegex(@"cmdstat_pubsub\|channels:calls=(?<calls>\d+)")]
    private static partial Regex CheckCalls();

    private static Task<RedisValue> LinesAsync(DurableRedis redis) => redis.Connection.GetDatabase().HashGetAsync(JournalScripts.State, "lines");

    private static void Add(List<string> lines, RedisValue message)
    {
        lock (lines)
            lines.Add((string)message!);
    }

    private static int Count(List<string> lines)
    {
        lock (lines)
            return lines.Count;
    }
}
