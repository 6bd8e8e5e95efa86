using System.Text;
using CsCheck;
using FluentAssertions;
using Notifier.Hub;
using Notifier.Names;
using Xunit;

namespace Notifier.Tests.Hub;

/// <summary>How many patterns can match one channel, judged by their beginnings.</summary>
public sealed class PatternOverlapTests
{
    [Theory]
    [InlineData("news.*", "", 0)]
    [InlineData("news.*", "news.*a news.?* news.[a]*", 3)]
    [InlineData("news.*", "n* ne* new* *", 4)]
    [InlineData("n*", "news.a* news.aa* news.aaa* news.b* news.bb*", 3)]
    [InlineData("news.a*", "n* news.aa* news.ab* news.ab*x", 3)]
    [InlineData("user.*", "user.1.* user.2.* user.3.* user.4.*", 1)]
    [InlineData("user.1.*", "user.1.* user.2.* user.3.* user.4.* user.*", 2)]
    [InlineData("user.1.*", "orders.* stock.*", 0)]
    public void Only_patterns_whose_beginnings_contain_one_another_count(string pattern, string others, int expected)
    {
        var index = new PrefixIndex();
        foreach (var other in others.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            index.Add(RedisPattern.Parse(other).LiteralPrefix);

        index.CountOverlapping(RedisPattern.Parse(pattern).LiteralPrefix).Should().Be(expected);
    }

    /// <summary>The most patterns that one channel can have is found by trying each beginning that there is.</summary>
    [Fact]
    public void The_count_is_that_of_the_channel_with_the_most_patterns() => Gen.Select(Gen.String[Gen.Char["ab"], 0, 4], Gen.Select(Gen.Bool, Gen.String[Gen.Char["ab"], 0, 4]).Array[0, 20])
        .Sample((prefix, changes) =>
        {
            var (index, present) = (new PrefixIndex(), new List<string>());
            foreach (var (isRemoved, other) in changes)
            {
                if (isRemoved && present.Remove(other))
                    index.Remove(Encoding.UTF8.GetBytes(other));
                else
                {
                    present.Add(other);
                    index.Add(Encoding.UTF8.GetBytes(other));
                }
            }
            var expected = present.Append(prefix).Where(channel => channel.StartsWith(prefix, StringComparison.Ordinal))
                .Max(channel => present.Count(other => channel.StartsWith(other, StringComparison.Ordinal)));
            Assert.Equal(expected, index.CountOverlapping(Encoding.UTF8.GetBytes(prefix)));
        });
}
