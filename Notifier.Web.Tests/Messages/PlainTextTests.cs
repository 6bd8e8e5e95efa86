using FluentAssertions;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Messages;

public sealed class PlainTextTests
{
    private readonly FrameBuffer buffer = new();

    [Fact]
    public void Small_messages_share_a_batch_and_each_is_a_text_or_binary_frame()
    {
        var batch = Plain.Encode(buffer, [Text("hi"), Text(""), Message.Create("channel"u8.ToArray(), [0xFF]), Text("é")]);

        batch.Count.Should().Be(4);
        batch.Payload.IsEmpty.Should().BeTrue();
        batch.Bytes.ToArray().Should().Equal(0x81, 2, (byte)'h', (byte)'i', 0x81, 0, 0x82, 1, 0xFF, 0x81, 2, 0xC3, 0xA9);
    }

    [Fact]
    public void A_batch_of_the_largest_copied_messages_fits_into_one_write()
    {
        var batch = Plain.Encode(buffer, Enumerable.Repeat(Sized(FrameBatch.LargePayload), 10).ToArray());

        batch.Count.Should().Be(6);
        batch.Bytes.Length.Should().BeGreaterThan(FrameBatch.Full).And.BeLessThanOrEqualTo(KestrelSetup.SendBufferSize);
        Plain.Encode(buffer, Enumerable.Repeat(Text(""), 100_000).ToArray()).Bytes.Length
            .Should().BeLessThanOrEqualTo(KestrelSetup.SendBufferSize);
    }

    [Fact]
    public void A_large_message_is_a_batch_of_its_own_and_its_payload_is_not_copied()
    {
        var payload = new byte[FrameBatch.LargePayload + 1];
        Message[] messages = [Text("before"), Message.Create(null, payload), Text("after")];

        Plain.Encode(buffer, messages).Count.Should().Be(1);
        var batch = Plain.Encode(buffer, messages.AsSpan(1));

        batch.Count.Should().Be(1);
        batch.Bytes.ToArray().Should().Equal(0x81, 126, 0x40, 0x01);
        batch.Payload.Equals(payload.AsMemory()).Should().BeTrue();
    }

    [Fact]
    public void A_gap_in_plain_text_counts_as_a_message_and_sends_nothing()
    {
        Message[] messages = [Text("before"), Message.GapOf(GapCode.Redis), Text("after")];

        Plain.Encode(buffer, messages).Count.Should().Be(1);
        var batch = Plain.Encode(buffer, messages.AsSpan(1));

        (batch.Count, batch.Bytes.Length, batch.Payload.Length).Should().Be((1, 0, 0));
    }

    private static Message Text(string text) => Message.Create(null, System.Text.Encoding.UTF8.GetBytes(text));

    private static Message Sized(int length) => Message.Create(null, new byte[length]);
}
