using System.Text;
using FluentAssertions;
using Notifier.Messages;
using Xunit;

namespace Notifier.Tests.Messages;

public sealed class CloseReasonTests
{
    [Fact]
    public void A_close_reason_is_encoded_as_one_close_frame() =>
        new CloseReason(4400, "no").ToFrame().Should().Equal(0x88, 4, 0x11, 0x30, (byte)'n', (byte)'o');

    [Fact]
    public void A_close_reason_without_a_code_is_encoded_as_an_empty_close_frame() =>
        CloseReason.ProtocolError.ToFrame().Should().Equal(0x88, 0);

    /// <summary>A control frame has room for 123 bytes of the reason, and an incomplete character would violate the protocol.</summary>
    [Theory]
    [InlineData("a", 123)]
    [InlineData("é", 122)]
    [InlineData("€", 123)]
    [InlineData("👋", 120)]
    public void A_long_close_reason_is_cut_between_two_characters(string character, int bytes)
    {
        var frame = new CloseReason(4400, string.Concat(Enumerable.Repeat(character, 200))).ToFrame();

        frame.Should().HaveCount(4 + bytes).And.HaveCountLessThanOrEqualTo(ServerFrame.MaxControl);
        frame[1].Should().Be((byte)(2 + bytes));
        new UTF8Encoding(false, throwOnInvalidBytes: true).Invoking(strict => strict.GetString(frame, 4, bytes)).Should().NotThrow();
    }

    /// <summary>The limit may cut a character at any of its bytes.</summary>
    [Theory]
    [InlineData("é")]
    [InlineData("€")]
    [InlineData("👋")]
    public void A_close_reason_is_cut_before_the_first_character_that_does_not_fit(string character)
    {
        for (var before = 123 - (2 * Encoding.UTF8.GetByteCount(character)); before <= 124; before++)
        {
            var text = new string('a', before) + character + character + "more";

            var frame = new CloseReason(4400, text).ToFrame();

            var fits = "";
            foreach (var rune in text.EnumerateRunes().TakeWhile(rune => Encoding.UTF8.GetByteCount(fits) + rune.Utf8SequenceLength <= 123))
                fits += rune;
            Encoding.UTF8.GetString(frame.AsSpan(4)).Should().Be(fits);
            frame[1].Should().Be((byte)(frame.Length - 2));
        }
    }

    [Fact]
    public void The_retry_delay_in_a_close_reason_is_in_seconds_with_a_decimal_point() =>
        CloseReason.GoingAway(7.349).Text.Should().Be("retryAfter=7.35");
}
