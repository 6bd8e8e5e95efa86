using System.Diagnostics;
using System.Text;
using CsCheck;
using FluentAssertions;
using Notifier.Names;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Names;

/// <summary>A proof shows that a grant allows a pattern, or a counter-example shows that it does not.</summary>
public sealed class ContainmentTests(ITestOutputHelper output)
{
    /// <summary>
    /// Few letters, so that the test can try all short channels: two appear in the patterns, and one represents all other letters.
    /// </summary>
    private static readonly byte[] Letters = "abz"u8.ToArray();

    private static readonly Gen<string> Small = Gen.OneOf("a", "b", "*", "?", "[ab]", "[^a]", "[^b]").Array[1, 5].Select(string.Concat);

    private static readonly byte[][] ShortChannels = [.. Channels(7)];

    [Theory]
    [InlineData("orders.42.items*", "orders.42.*")]
    [InlineData("orders.42.?x", "orders.42.*")]
    [InlineData("a*c", "a*")]
    [InlineData("*a*", "*")]
    [InlineData("[ab]*", "a*", "b*")]                   // neither contains it alone
    [InlineData("[ab]", "a", "b")]
    [InlineData("a?", "a[a-m]", "a[^a-m]")]
    [InlineData("*", "?", "??*")]
    [InlineData("*ab*", "*a*", "*b")]
    [InlineData("[a-c][a-c]", "[ab]?", "c?")]
    [InlineData(@"a\*", "a*")]
    [InlineData("a[]", "b")]                            // it matches nothing
    public void A_pattern_that_the_granted_patterns_cover_is_proven_to_be_contained(string asked, params string[] granted) => Prove(asked, granted).Holds.Should().BeTrue();

    [Theory]
    [InlineData("orders.other", "orders.*", "orders.42.*")]
    [InlineData("other", "*", "a*", "b*")]
    [InlineData("c", "[a-c]", "a", "b")]
    [InlineData("aother", "a*")]
    [InlineData("a", "*", "?*?", "[^a]")]               // the sample would be covered, so it is searched for
    [InlineData("orders.", "orders.*", "orders.?*")]
    public void A_pattern_that_the_granted_patterns_do_not_cover_is_disproven_with_a_counter_example(string counterExample, string asked, params string[] granted)
    {
        var containment = Prove(asked, granted);

        containment.Holds.Should().BeFalse();
        Encoding.UTF8.GetString(containment.CounterExample!).Should().Be(counterExample);
    }

    [Fact]
    public void Containment_agrees_with_a_check_of_all_short_channels()
    {
        var (contained, not) = (0, 0);
        Gen.Select(Small, Small.Array[0, 4]).Sample(
            (asked, granted) =>
            {
                var pattern = RedisPattern.Parse(asked);
                var grants = granted.Select(RedisPattern.Parse).ToArray();
                var containment = Containment.Prove(pattern, grants);
                containment.IsTooComplex.Should().BeFalse();
                if (containment.Holds)
                {
                    contained++;
                    ShortChannels.Any(channel => IsOne(channel, pattern, grants)).Should().BeFalse("{0} is said to be contained in {1}", asked, string.Join(' ', granted));
                }
                else
                {
                    not++;
                    IsOne(containment.CounterExample!, pattern, grants).Should().BeTrue();
                }
            },
            iter: 20_000, threads: 1);

        output.WriteLine($"{contained} contained, {not} not.");
        contained.Should().BeGreaterThan(1_000, "the property must be tried with many grants that allow the pattern");
        not.Should().BeGreaterThan(1_000);
    }

    [Fact]
    public void Containment_is_correct_for_patterns_and_channels_of_arbitrary_bytes()
    {
        var contained = 0;
        Gen.Select(Globs.Pattern, Globs.Pattern.Array[0, 5], Globs.Channel.Array[20]).Sample(
            (asked, granted, channels) =>
            {
                var pattern = RedisPattern.Parse(asked);
                // A prefix of the pattern and a star make grants that often contain it.
                RedisPattern[] grants = [.. granted.Select(grant => RedisPattern.Parse(grant)), RedisPattern.Parse([.. asked.Take(asked.Length / 2), (byte)'*'])];
                var containment = Containment.Prove(pattern, grants);
                if (containment.CounterExample is { } counterExample)
                    IsOne(counterExample, pattern, grants).Should().BeTrue();
                else if (containment.Holds)
                {
                    contained++;
                    channels.Any(channel => IsOne(channel, pattern, grants)).Should().BeFalse();
                }
            },
            iter: 20_000, threads: 1);

        contained.Should().BeGreaterThan(1_000);
    }

    public static TheoryData<string, string[]> Hostile { get; } = new()
    {
        // Each of the last twenty letters matters: a deterministic automaton would have a million states.
        { "*" + Any(21), ["*a" + Any(20), "*[^a]" + Any(20)] },
        { "*" + Any(60) + "*" + Any(40), ["*a" + Any(40), "*[^a]" + Any(40)] },
        { "*" + Any(100), [.. Enumerable.Range(0, 100).SelectMany(n => new[] { "*a" + Any(n), "*[^a]" + Any(n) })] },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void A_hostile_pattern_and_grant_are_reported_as_too_complex_within_seconds(string asked, string[] granted)
    {
        var watch = Stopwatch.StartNew();
        var containment = Prove(asked, granted);
        output.WriteLine($"{watch.Elapsed.TotalMilliseconds:0.0} ms");

        containment.IsTooComplex.Should().BeTrue();
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(5), "a proof takes milliseconds or never ends");
    }

    [Theory]
    [InlineData("*a????????????????????????*")]
    [InlineData("*a????????????????????????x")]
    public void A_pattern_that_a_single_grant_covers_character_by_character_is_never_too_complex(string asked) =>
        Prove(asked, "b*", "*a????????????????????????*", "*[^a]????????????????????????").Holds.Should().BeTrue();

    [Fact]
    public void Every_pattern_is_contained_in_itself_and_in_the_star_pattern()
    {
        Globs.Pattern.Sample(
            glob =>
            {
                var pattern = RedisPattern.Parse(glob);
                Containment.Prove(pattern, [pattern]).Holds.Should().BeTrue();
                Containment.Prove(pattern, [RedisPattern.Parse("*")]).Holds.Should().BeTrue();
            },
            iter: 5_000, threads: 1);
    }

    private static string Any(int count) => new('?', count);

    private static Containment Prove(string asked, params string[] granted) =>
        Containment.Prove(RedisPattern.Parse(asked), granted.Select(RedisPattern.Parse));

    private static bool IsOne(byte[] channel, RedisPattern asked, RedisPattern[] granted) =>
        channel.Length > 0 && asked.Matches(channel) && !granted.Any(grant => grant.Matches(channel));

    /// <summary>All channels of these letters up to a length.</summary>
    private static IEnumerable<byte[]> Channels(int longest)
    {
        IEnumerable<byte[]> ofLength = [[]];
        for (var length = 1; length <= longest; length++)
        {
            ofLength = [.. ofLength.SelectMany(shorter => Letters.Select(letter => (byte[])[.. shorter, letter]))];
            foreach (var channel in ofLength)
                yield return channel;
        }
    }
}
