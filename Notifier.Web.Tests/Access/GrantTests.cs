using FluentAssertions;
using Notifier.Access;
using Notifier.Names;
using Xunit;

namespace Notifier.Tests.Access;

/// <summary>The names that a grant allows, and the reason that the caller gets for a rejection.</summary>
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
    public void A_grant_allows_every_channel_and_pattern_that_it_covers(string granted, string asked) => Check(granted, asked).Should().BeNull();

    [Theory]
    [InlineData("orders.42.*", "orders.43.items", "not allowed: orders.43.items")]
    [InlineData("orders.42.*", "orders.42", "not allowed: orders.42")]
    [InlineData("orders.42.*", "orders.*", "not allowed: orders.* also matches orders.other")]
    [InlineData("orders.42.*", "*", "not allowed: * also matches other")]
    [InlineData("orders.?* news", "orders.*", "not allowed: orders.* also matches orders.")]
    [InlineData("news", "new?", "not allowed: new? also matches newa")]
    [InlineData("a[^\\x01]", "a?", "not allowed: a? also matches ax")]
    [InlineData("news", "NEWS", "not allowed: NEWS")]
    public void A_name_outside_the_grant_is_rejected_and_a_pattern_shows_a_counter_example(string granted, string asked, string message)
    {
        var refusal = Check(granted, asked);

        refusal!.Kind.Should().Be(RefusalKind.Forbidden);
        refusal.Message.Should().Be(message);
    }

    [Fact]
    public void An_unprintable_byte_in_a_counter_example_is_written_in_hex()
    {
        var grant = new Grant([Name.Pattern("[ -~]*"), Name.Pattern("[^\u0001]*")]);

        grant.Check(Name.Pattern("?"))!.Message.Should().Be(@"not allowed: ? also matches \x01");
    }

    [Fact]
    public void A_pattern_too_complex_to_compare_with_the_grant_is_rejected()
    {
        var any = new string('?', 20);
        var grant = new Grant([Name.Pattern("*a" + any), Name.Pattern("*[^a]" + any)]);

        grant.Check(Name.Pattern("*?" + any))!.Message.Should().Be(
            "not allowed: *????????????????????? is too complex to compare with the grant; use a simpler one");
    }

    [Fact]
    public void A_long_pattern_and_its_counter_example_are_shortened_to_fit_a_close_reason()
    {
        var refusal = new Grant([Name.Channel("x")]).Check(Name.Pattern(new string('é', 60) + "*"));

        System.Text.Encoding.UTF8.GetByteCount(refusal!.Message).Should().BeLessThanOrEqualTo(123, "a close has no more room");
        refusal.Message.Should().MatchRegex("^not allowed: é+… also matches é+…$");
    }

    [Fact]
    public void An_empty_grant_rejects_a_name_with_the_setting_to_change() =>
        new Grant([], "set the key").Check(Name.Channel("a"))!.Message.Should().Be("set the key");

    private static NameRefusal? Check(string granted, string asked) => new Grant(granted.Split(' ').Select(Name.Parse)).Check(Name.Parse(asked));
}
