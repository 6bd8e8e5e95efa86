using System.Globalization;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>Many patterns that match the same channel: Redis writes each message once for each of them.</summary>
public sealed class OverlappingPatternsTests
{
    /// <summary>Different patterns that all match <c>news.a</c>, or the channels that begin with it.</summary>
    private static readonly string[] Patterns = [.. Prefixes().SelectMany(static prefix => Ends().Select(end => prefix + end)).Distinct()];

    [Fact]
    public async Task One_visitor_with_hundreds_of_patterns_does_not_make_redis_disconnect_the_node()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: ["Limits:PatternsPerConnection=128", "History:Recent:NodeBytes=1073741824"]);
        var attackers = new List<JsonClient>();
        var patterns = 0;
        foreach (var some in Patterns.Take(500).Chunk(120))
        {
            var attacker = await JsonClient.ConnectAsync(app);
            attackers.Add(attacker);
            foreach (var pattern in some)
                patterns += (string?)(await attacker.AskAsync($$"""{"type":"subscribe","pattern":"{{pattern}}"}"""))["type"] == "subscribed" ? 1 : 0;
        }
        await using var other = await JsonClient.ConnectAsync(app);
        await other.SubscribeAsync("channel", "news.aaaaaaaaaaaa");

        var inRedis = await redis.PatternsAsync();
        for (var n = 0; n < 5; n++)
            await redis.PublishAsync("news.aaaaaaaaaaaa", $"{n}{new string('x', 70_000)}");

        for (var n = 0; n < 5; n++)
            ((string?)(await other.ReadAsync())["data"]).Should().StartWith(n.ToString(CultureInfo.InvariantCulture));
        AbuseTable.Add(
            "500 patterns that match the same channel", "16 MiB of the output buffer that Redis has for the node, for each message of `Limits:PayloadBytes`",
            $"{inRedis} of {patterns} patterns in Redis");
        inRedis.Should().BeLessThanOrEqualTo(32);
        patterns.Should().BeGreaterThan(32);
        foreach (var attacker in attackers)
            await attacker.DisposeAsync();
    }

    [Fact]
    public async Task Patterns_under_an_automatic_cover_receive_exactly_what_they_match_and_others_miss_nothing()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, settings: ["Limits:PatternsPerConnection=128", "Redis:Linger=00:00:00"]);
        await using var client = await JsonClient.ConnectAsync(app);
        string[] patterns = [.. Enumerable.Range(0, 30).Select(static n => $"odd[[]x.*{n}")];
        foreach (var pattern in patterns.Take(20))
            await client.SubscribeAsync("pattern", pattern);
        await redis.PublishAsync("odd[x.a3", "early");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("early");
        foreach (var pattern in patterns.Skip(20))
            await client.SubscribeAsync("pattern", pattern);
        (await redis.PatternsAsync()).Should().Be(17, "16 patterns, and one cover for the others");

        foreach (var channel in new[] { "odd[x.b3", "odd[x.25", "odd[x.19", "odd.x.9", "oddx.19" })
            await redis.PublishAsync(channel, channel);
        var received = new List<string>();
        while (received.Count < 5)
        {
            var said = await client.ReadAsync();
            received.Add($"{said["pattern"]} {said["data"]}");
        }
        received.Should().BeEquivalentTo(
            "odd[[]x.*3 odd[x.b3", "odd[[]x.*5 odd[x.25", "odd[[]x.*25 odd[x.25", "odd[[]x.*9 odd[x.19", "odd[[]x.*19 odd[x.19");
        (await client.Socket.DrainAsync()).Should().BeEmpty();
    }

    private static IEnumerable<string> Prefixes() => Enumerable.Range(0, 12).Select(static n => "news." + new string('a', n)).Concat(["n", "ne", "new", "news", ""]);

    private static IEnumerable<string> Ends() =>
        from stars in "* *? ?* *a [a]* *[ab] *[a-z] [!b]* *[!c]".Split(' ')
        from more in " * *a* *[a]* *[ad]*".Split(' ')
        select stars + more;
}
