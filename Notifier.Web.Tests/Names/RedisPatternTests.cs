using System.Diagnostics;
using System.Text;
using FluentAssertions;
using Notifier.Names;
using Xunit;

namespace Notifier.Tests.Names;

/// <summary>The meaning of each form of a pattern. <see cref="RedisPatternOracleTests"/> shows that Redis agrees.</summary>
public sealed class RedisPatternTests
{
    [Theory]
    [InlineData("*", "a")]
    [InlineData("a*", "a")]
    [InlineData("a**b", "ab")]
    [InlineData("*a*b", "xaybab")]
    [InlineData("[a-c]", "b")]
    [InlineData("[c-a]", "b")]
    [InlineData("[^a-c]", "d")]
    [InlineData("[^]", "x")]            // not nothing: anything
    [InlineData("[a-]", "a")]           // from a to ], and the bracket is not closed
    [InlineData("[a-]", "^")]
    [InlineData("[ab", "b")]            // an open class ends with the pattern
    [InlineData("[a-", "-")]
    [InlineData(@"[\]]", "]")]
    [InlineData(@"[\^a]", "^")]
    [InlineData(@"\*", "*")]
    [InlineData(@"a\", @"a\")]          // nothing to escape
    [InlineData(@"[a\", @"\")]
    [InlineData("é", "é")]
    [InlineData("??", "é")]             // a character of two bytes
    [InlineData("", "")]
    public void A_pattern_matches_a_channel_that_fits_its_form(string pattern, string channel) => Matches(pattern, channel).Should().BeTrue();

    [Theory]
    [InlineData("*", "")]               // in Redis no star matches the empty channel
    [InlineData("a", "ab")]
    [InlineData("a", "A")]
    [InlineData("a*b", "abc")]
    [InlineData("[]", "a")]
    [InlineData("[]a]", "a")]           // an empty class, and more behind it
    [InlineData("[a-c", "d")]
    [InlineData("[a-]", "b-]")]
    [InlineData("?", "é")]
    [InlineData(@"\*", "a")]
    [InlineData("[", "[")]
    public void A_pattern_does_not_match_a_channel_of_another_form(string pattern, string channel) => Matches(pattern, channel).Should().BeFalse();

    [Fact]
    public void A_range_from_ascii_to_a_higher_byte_compares_signed_bytes_like_redis_on_x86()
    {
        var range = RedisPattern.Parse([.. "[a-"u8, 0xC3, (byte)']']);

        range.Matches([0xC3]).Should().BeTrue();
        range.Matches([0xFF]).Should().BeTrue();
        range.Matches("A"u8).Should().BeTrue();
        range.Matches("b"u8).Should().BeFalse();
        range.Matches([0x80]).Should().BeFalse();
    }

    [Theory]
    [InlineData("orders.42.*", "orders.42.")]
    [InlineData(@"orders\.\*[a]b?", "orders.*ab")]
    [InlineData("*", "")]
    [InlineData("orders", "orders")]
    public void The_literal_prefix_of_a_pattern_ends_at_the_first_wildcard(string pattern, string prefix) =>
        Encoding.UTF8.GetString(RedisPattern.Parse(pattern).LiteralPrefix).Should().Be(prefix);

    [Theory]
    [InlineData("a[]", true)]
    [InlineData("*[]", true)]
    [InlineData("[", true)]
    [InlineData("", true)]
    [InlineData("[^]", false)]
    [InlineData("*", false)]
    public void A_pattern_that_no_channel_can_match_is_recognized(string pattern, bool nothing) =>
        RedisPattern.Parse(pattern).MatchesNothing.Should().Be(nothing);

    [Fact]
    public void A_hostile_pattern_does_not_slow_down_matching()
    {
        // Naive matching tries about 10^20 ways here. The limit in seconds fails only if the time explodes.
        var hostile = RedisPattern.Parse(string.Concat(Enumerable.Repeat("*a", 60)) + "b");
        var channel = Encoding.UTF8.GetBytes(new string('a', 4096));
        var watch = Stopwatch.StartNew();

        for (var i = 0; i < 100; i++)
            hostile.Matches(channel).Should().BeFalse();

        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(10));
    }

    private static bool Matches(string pattern, string channel) => RedisPattern.Parse(pattern).Matches(Encoding.UTF8.GetBytes(channel));
}
