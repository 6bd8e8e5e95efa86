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
    public void Only_patterns_whose_beginnings_contain_one_another_count(string pattern, string others, int expected) =>
        PatternOverlap.Count(RedisPattern.Parse(pattern), others.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static text => RedisPattern.Parse(text))).Should().Be(expected);
}
