using FluentAssertions;
using Notifier.Messages;
using Xunit;

namespace Notifier.Tests.Messages;

public sealed class ServerFrameTests
{
    [Theory]
    [InlineData(0, new byte[] { 0x81, 0 })]
    [InlineData(125, new byte[] { 0x81, 125 })]
    [InlineData(126, new byte[] { 0x81, 126, 0, 126 })]
    [InlineData(65_535, new byte[] { 0x81, 126, 255, 255 })]
    [InlineData(65_536, new byte[] { 0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0 })]
    [InlineData(int.MaxValue - 10, new byte[] { 0x81, 127, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xF5 })]
    public void A_frame_header_is_as_short_as_possible_and_states_the_length_of_the_frame(int payload, byte[] header)
    {
        var into = new byte[ServerFrame.MaxHeader];

        ServerFrame.WriteHeader(into, ServerFrame.Text, payload).Should().Be(header.Length);

        into[..header.Length].Should().Equal(header);
        ServerFrame.HeaderLength(payload).Should().Be(header.Length);
        ServerFrame.Length(into).Should().Be(header.Length + payload);
        ServerFrame.Opcode(into).Should().Be(ServerFrame.Text);
    }
}
