using System.Globalization;
using System.Text;
using CsCheck;
using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Names;

/// <summary>
/// Our matcher agrees with redis-server for arbitrary bytes. The test asks Redis with PSUBSCRIBE and PUBLISH, because KEYS and SCAN have a
/// short cut for the star.
/// </summary>
public sealed class RedisPatternOracleTests(ITestOutputHelper output)
{
    /// <summary>The number of patterns and of channels. Every pattern is tried with every channel.</summary>
    private const int Together = 10;

    /// <summary>Pairs of a pattern and a channel; NOTIFIER_PAIRS=1000000 tries a million.</summary>
    private static readonly int Pairs = int.Parse(
        Environment.GetEnvironmentVariable("NOTIFIER_PAIRS") ?? "20000", CultureInfo.InvariantCulture);

    [Fact]
    public async Task Patterns_match_the_same_channels_as_in_redis()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var oracle = await PlainRedisClient.ConnectAsync(redis.Port);
        await using var publisher = await PlainRedisClient.ConnectAsync(redis.Port);
        var (pairs, matches) = (0, 0);

        await Gen.Select(Globs.Pattern.Array[Together], Globs.Channel.Array[Together]).SampleAsync(
            async (patterns, channels) =>
            {
                var expected = await AskAsync(oracle, publisher, patterns, channels);
                var actual = Matches(patterns, channels);
                pairs += patterns.Length * channels.Length;
                matches += expected.Count;
                actual.Should().BeEquivalentTo(expected);
            },
            iter: Pairs / (Together * Together), threads: 1);

        output.WriteLine($"{pairs} pairs, {matches} of them match.");
        matches.Should().BeGreaterThan(pairs / 200, "pairs that never match prove little").And.BeLessThan(pairs / 2);
    }

    private static HashSet<string> Matches(byte[][] patterns, byte[][] channels) =>
    [
        .. from pattern in patterns
           from channel in channels
           where RedisPattern.Parse(pattern).Matches(channel)
           select $"{Globs.Show(pattern)} {Globs.Show(channel)}",
    ];

    private static async Task<HashSet<string>> AskAsync(PlainRedisClient oracle, PlainRedisClient publisher, byte[][] patterns, byte[][] channels)
    {
        var distinct = patterns.DistinctBy(Globs.Show).ToArray();
        await oracle.SendAsync(["PSUBSCRIBE"u8.ToArray(), .. distinct]);
        foreach (var _ in distinct)
            await oracle.ReadAsync();

        var delivered = 0;
        foreach (var channel in channels)
        {
            await publisher.SendAsync("PUBLISH"u8.ToArray(), channel, []);
            delivered += int.Parse(await publisher.ReadTextAsync(), CultureInfo.InvariantCulture);
        }
        var said = new HashSet<string>();
        for (; delivered > 0; delivered--)
        {
            var push = await oracle.ReadAsync();
            Encoding.ASCII.GetString(push[0]).Should().Be("pmessage");
            said.Add($"{Globs.Show(push[1])} {Globs.Show(push[2])}");
        }

        await oracle.SendAsync("PUNSUBSCRIBE");
        foreach (var _ in distinct)
            await oracle.ReadAsync();
        return said;
    }
}
