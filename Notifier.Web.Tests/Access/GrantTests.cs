using FluentAssertions;
using Notifier.Access;
using Notifier.Names;
using Xunit;

namespace Notifier.Tests.Access;

/// <summary>What a grant allows, and what a visitor is told where it does not.</summary>
public sealed class GrantTests
{
    [Theory]
    [InlineData("orders.42.*", "orders.42.items")]
    [InlineData("orders.42.*", "orders.42.")]
    [InlineData("orders.42.*", "orders.42.?x")]
    [InlineData("orders.42.*", "orders.42.*")]
    [InlineData("orders.42.*", "orders.[4]2.it*")]
    [InlineData("news", "news")]
    [InlineData("news", "new[s]")]              // a pattern of one channel
    [InlineData("*", "whatever*")]
    [InlineData("a* b*", "[ab]*")]
    public void It_allows(string granted, string asked) => Check(granted, asked).Should().BeNull();

    [Theory]
    [InlineData("orders.42.*", "orders.43.items", "not allowed: orders.43.items")]
    [InlineData("orders.42.*", "orders.42", "not allowed: orders.42")]
    [InlineData("orders.42.*", "orders.*", "not allowed: orders.* also covers orders.other")]
    [InlineData("orders.42.*", "*", "not allowed: * also covers other")]
    [InlineData("orders.?* news", "orders.*", "not allowed: orders.* also covers orders.")]
    [InlineData("news", "new?", "not allowed: new? also covers newa")]
    [InlineData("a[^\\x01]", "a?", "not allowed: a? also covers ax")]
    [InlineData("news", "NEWS", "not allowed: NEWS")]
    public void It_refuses_with_a_channel_that_shows_why(string granted, string asked, string message)
    {
        var refusal = Check(granted, asked);

        refusal!.Kind.Should().Be(RefusalKind.Forbidden);
        refusal.Message.Should().Be(message);
    }

    [Fact]
    public void A_byte_that_cannot_be_shown_is_spelled()
    {
        var grant = new Grant([Name.Pattern("[ -~]*"), Name.Pattern("[^\u0001]*")]);

        grant.Check(Name.Pattern("?"))!.Message.Should().Be(@"not allowed: ? also covers \x01");
    }

    [Fact]
    public void What_is_too_complex_to_be_proven_is_refused()
    {
        var any = new string('?', 20);
        var grant = new Grant([Name.Pattern("*a" + any), Name.Pattern("*[^a]" + any)]);

        grant.Check(Name.Pattern("*?" + any))!.Message.Should().Be(
            "not allowed: *????????????????????? is too complex to compare with the grant; use a simpler one");
    }

    [Fact]
    public void The_counter_example_is_seen_whatever_the_length_of_the_pattern()
    {
        var refusal = new Grant([Name.Channel("x")]).Check(Name.Pattern(new string('é', 60) + "*"));

        System.Text.Encoding.UTF8.GetByteCount(refusal!.Message).Should().BeLessThanOrEqualTo(123, "a close has no more room");
        refusal.Message.Should().MatchRegex("^not allowed: é+… also covers é+…$");
    }

    [Fact]
    public void An_empty_grant_says_which_key_to_set() =>
        new Grant([], "set the key").Check(Name.Channel("a"))!.Message.Should().Be("set the key");

    private static NameRefusal? Check(string granted, string asked) => new Grant(granted.Split(' ').Select(Name.Parse)).Check(Name.Parse(asked));
}
