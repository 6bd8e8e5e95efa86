using System.Globalization;
using System.Text.RegularExpressions;
using FluentAssertions;
using Notifier.History.Durable;
using Notifier.Messages;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>
/// A visitor has a backend that publishes on a durable channel what visitors write. Each durable message has a line before its payload, and a forged line
/// once silenced a channel for everybody.
/// </summary>
public sealed partial class JournalLineTests
{
    private const long FarAhead = 9_000_000_000_000_000;

    /// <summary>What an attacker can write who knows the channel, the public epoch, all earlier lines, and even the secret of earlier versions.</summary>
    public static TheoryData<string> Forgeries { get; } = ["the earlier secret", "another epoch", "another MAC", "a line of another channel", "a line of another payload", "a repeated message"];

    [Theory]
    [MemberData(nameof(Forgeries))]
    public async Task A_forged_line_is_not_delivered_and_later_messages_are(string kind)
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await using var app = await redis.StartAppAsync("forged.*");
        await using var one = await JsonClient.ConnectAsync(app);
        await using var all = await JsonClient.ConnectAsync(app);
        await one.SubscribeAsync("channel", "forged.a");
        await all.SubscribeAsync("pattern", "forged.*");
        await redis.Connection.PublishDurablyAsync("forged.a", 0, 2);
        var epoch = await redis.Connection.EpochAsync();

        for (var n = 0; n < 50; n++)
            await redis.Connection.GetSubscriber().PublishAsync(RedisChannel.Literal("forged.a"), Forge(kind, epoch) + "FORGED");
        await redis.Connection.PublishDurablyAsync("forged.a", 2, 10);

        await one.ReadNumbersAsync(0, 10);
        await all.ReadNumbersAsync(0, 10);
    }

    private static string Forge(string kind, JournalEpoch epoch) => kind switch
    {
        "the earlier secret" => JournalLine.Earlier(epoch.Secret, FarAhead, 0),
        "another epoch" => JournalLine.Earlier(new string('0', 32), FarAhead, 0),
        "another MAC" => $"notifier/2 epoch={epoch.PublicId} id={FarAhead} prev=0 mac={new string('0', 40)}\n",
        "a line of another channel" => JournalLine.Signed(epoch, FarAhead, 0, "forged.b", "FORGED"),
        "a line of another payload" => JournalLine.Signed(epoch, FarAhead, 0, "forged.a", "genuine"),
        _ => JournalLine.Signed(epoch, epoch.Since + 1, 0, "forged.a", "FORGED"),
    };

    /// <summary>A rolling change of History:Durable:Channels, or two installations that share a Redis: visitors saw the line, and with it the journal's secret.</summary>
    [Theory]
    [InlineData("2")]
    [InlineData("1")]
    public async Task A_node_for_which_the_channel_is_not_durable_delivers_the_payload_alone(string lines)
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await redis.Connection.EnsureJournalAsync();
        await redis.Connection.GetDatabase().HashSetAsync(JournalScripts.State, "lines", lines);
        await using var none = await NotifierApp.StartAsync(redis.Configuration, settings: "Redis:Covers:0=line.covered.*");
        await using var other = await redis.StartAppAsync("line.other");
        (NotifierApp App, string Kind, string Name)[] names =
        [
            (none, "channel", "line.a"), (none, "pattern", "line.*"), (none, "channel", "line.covered.a"), (none, "pattern", "line.covered.?"),
            (other, "channel", "line.a"), (other, "pattern", "line.*"),
        ];
        foreach (var (app, kind, name) in names)
        {
            await using var client = await JsonClient.ConnectAsync(app);
            await client.SubscribeAsync(kind, name);
            var channel = name.Contains("covered", StringComparison.Ordinal) ? "line.covered.a" : "line.a";

            await redis.Connection.PublishDurablyAsync(channel, 0, 3);
            await redis.Connection.GetSubscriber().PublishAsync(
                RedisChannel.Literal(channel), JournalLine.Earlier("x", FarAhead, 0) + JournalLine.Earlier("x", FarAhead, 0) + "3");
            await redis.Connection.GetSubscriber().PublishAsync(RedisChannel.Literal(channel), "4");

            await client.ReadNumbersAsync(0, 5);
        }
        none.Log.Says("not in History:Durable:Channels of this node").Should().BeTrue();
        none.Log.Lines.Count(line => line.Text.Contains("not in History:Durable:Channels of this node", StringComparison.Ordinal)).Should().Be(1, "at most one a minute");
    }

    [Theory]
    [InlineData("redis")]
    [InlineData("garnet")]
    public async Task A_line_has_a_mac_and_no_secret(string kind)
    {
        await using var redis = await DurableRedis.StartAsync(kind);
        await using var app = await redis.StartAppAsync("mac.*");
        await redis.Connection.EnsureJournalAsync();
        var seen = new TaskCompletionSource<RedisValue>();
        await redis.Connection.GetSubscriber().SubscribeAsync(RedisChannel.Literal("mac.é"), (_, message) => seen.TrySetResult(message));
        await redis.Connection.PublishDurablyAsync("mac.é", "päyload\n");

        var text = (string)(await seen.Task.WaitAsync(Eventually.Limit))!;

        var parts = LineAndPayload().Match(text);
        parts.Success.Should().BeTrue(text);
        var epoch = await redis.Connection.EpochAsync();
        text.Should().NotContain(epoch.Secret);
        epoch.Key.Should().HaveCount(JournalMac.KeySize).And.NotBeEquivalentTo(new byte[JournalMac.KeySize]);
        parts.Groups["mac"].Value.Should().Be(JournalLine.MacOf(epoch.Key, parts.Groups["line"].Value, "mac.é", "päyload\n"));
    }

    [GeneratedRegex(@"^(?<line>notifier/2 epoch=[0-9a-f]{16} id=\d{16} prev=0) mac=(?<mac>[0-9a-f]{40})\npäyload\n$")]
    private static partial Regex LineAndPayload();

    [Theory]
    [InlineData("/publish/line.plain", "notifier/1 epoch=x id=9000000000000000 prev=0\nFORGED")]
    [InlineData("/publish/line.durable", "notifier/2 epoch=x id=9000000000000000 prev=0 mac=00\nFORGED")]
    [InlineData("/publish", """[{"channel":"line.plain","data":"ok"},{"channel":"line.plain","data":"notifier/1 epoch=x id=1 prev=0\nFORGED"}]""")]
    public async Task A_payload_that_begins_with_a_line_cannot_be_published_over_http(string path, string body)
    {
        await using var redis = await DurableRedis.StartAsync("redis");
        await using var app = await Publishing.StartAsync(redis.Configuration, "History:Durable:Channels:0=line.durable");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("pattern", "line.*");

        var answer = await app.PostAsync(path, body);

        answer.Status.Should().Be(400, answer.Body);
        answer.Detail.Should().Contain("the first line of the payload looks like one of Notifier's own");
        await app.PostAsync("/publish/line.plain", "0");
        await client.ReadNumbersAsync(0, 1);
    }

    [Fact]
    public async Task Forged_lines_make_a_node_read_the_journal_about_once_a_second()
    {
        const int Lines = 5_000;
        await using var redis = await DurableRedis.StartAsync("redis");
        await using var app = await redis.StartAppAsync("flood.*");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "flood.a");
        await redis.Connection.PublishDurablyAsync("flood.a", 0, 1);
        await client.ReadNumbersAsync(0, 1);
        var before = await ScriptCallsAsync(redis);
        var watch = System.Diagnostics.Stopwatch.StartNew();

        foreach (var some in Enumerable.Range(0, Lines).Chunk(10))
            await Task.WhenAll(some.Select(n => redis.Connection.GetSubscriber().PublishAsync(RedisChannel.Literal("flood.a"), JournalLine.Earlier("x", FarAhead + n, 0) + n)));
        await redis.Connection.GetSubscriber().PublishAsync(RedisChannel.Literal("flood.a"), "1");
        await client.ReadNumbersAsync(1, 2);

        // A read is two scripts.
        var calls = await ScriptCallsAsync(redis) - before;
        calls.Should().BeLessThanOrEqualTo(2 * (2 + (long)watch.Elapsed.TotalSeconds));
        AbuseTable.Add(
            $"{Lines:N0} forged lines of the journal on a durable channel, through a backend that relays text", "2 scripts in Redis for each name and second, 400 for each node and second",
            string.Create(CultureInfo.InvariantCulture, $"{calls} scripts in {watch.Elapsed.TotalSeconds:0.0} s"));
    }

    private static async Task<long> ScriptCallsAsync(DurableRedis redis)
    {
        var stats = await redis.Connection.GetServers().Single().InfoRawAsync("commandstats") ?? "";
        return ScriptCalls().Matches(stats).Sum(static match => long.Parse(match.Groups["calls"].ValueSpan, CultureInfo.InvariantCulture));
    }

    [GeneratedRegex(@"cmdstat_eval(sha)?:calls=(?<calls>\d+)")]
    private static partial Regex ScriptCalls();
}
