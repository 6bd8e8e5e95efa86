using FluentAssertions;
using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Names;
using Xunit;

namespace Notifier.Tests.Names;

public sealed class NameRulesTests
{
    private readonly NameRules rules = new(Options.Create(new LimitsOptions()));

    [Theory]
    [InlineData("new-users")]
    [InlineData("notifications.new-user")]
    [InlineData("grüße.🎉")]
    [InlineData("_private")]
    [InlineData("notifier")]
    public void An_ordinary_channel_name_is_valid(string text) => rules.Check(Name.Channel(text)).Should().BeNull();

    [Theory]
    [InlineData("notifications.*")]
    [InlineData("*")]
    [InlineData("_*")]
    [InlineData("a?[bc][^d]\\*")]
    [InlineData("****")]
    public void An_ordinary_pattern_is_valid(string text) => rules.Check(Name.Pattern(text)).Should().BeNull();

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("a\nb", "control characters")]
    [InlineData("a\u0085b", "control characters")]
    [InlineData("\0", "control characters")]
    [InlineData("a\u007Fb", "control characters")]
    [InlineData("a\u2028b", "control characters")]
    [InlineData("a\u2029b", "control characters")]
    public void A_malformed_name_is_rejected_with_the_reason(string text, string why)
    {
        foreach (var name in new[] { Name.Channel(text), Name.Pattern(text) })
        {
            var refusal = rules.Check(name);
            refusal!.Message.Should().Contain(why);
            refusal.Kind.Should().Be(RefusalKind.Malformed);
        }
    }

    [Fact]
    public void A_name_with_a_lone_surrogate_is_rejected_because_redis_would_receive_another_name()
    {
        // Not theory data, because the compiler would replace the surrogates with U+FFFD.
        foreach (var text in new[] { "lone" + (char)0xD800, (char)0xDC00 + "lone", "turned" + (char)0xDC00 + (char)0xD800 })
            rules.Check(Name.Channel(text))!.Message.Should().Contain("not valid Unicode");
    }

    [Fact]
    public void A_name_is_limited_by_its_length_in_bytes()
    {
        rules.Check(Name.Channel(new string('ü', 127))).Should().BeNull();
        rules.Check(Name.Channel(new string('ü', 128)))!.Message.Should().Be("the channel has 256 bytes; 255 are allowed");
        rules.Check(Name.Pattern(new string('x', 128))).Should().BeNull();
        rules.Check(Name.Pattern(new string('x', 129)))!.Message.Should().Be("the pattern has 129 bytes; 128 are allowed");
    }

    [Fact]
    public void A_pattern_of_many_stars_is_refused() =>
        rules.Check(Name.Pattern("*a*b*c*d*"))!.Message.Should().Be("the pattern has 5 stars; 4 are allowed");

    [Theory]
    [InlineData(NameKind.Channel, "__keyspace@0__:key")]
    [InlineData(NameKind.Channel, "notifier:probe:1")]
    [InlineData(NameKind.Pattern, "__*")]
    [InlineData(NameKind.Pattern, "\\_\\_key*")]
    [InlineData(NameKind.Pattern, "notifier:*")]
    public void A_name_reserved_for_redis_or_notifier_is_forbidden(NameKind kind, string text) =>
        rules.Check(new Name(kind, text))!.Kind.Should().Be(RefusalKind.Forbidden);
}
