using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Messages;
using Notifier.Names;
using Xunit;

namespace Notifier.Tests.Messages;

/// <summary>The frames and events that contain the JSON objects.</summary>
public sealed class JsonFormatTests
{
    private readonly SubscriptionIdentity source = new(Name.Channel("news"));

    [Theory]
    [InlineData(125, 2)]
    [InlineData(126, 4)]
    [InlineData(65_535, 4)]
    [InlineData(65_536, 10)]
    public void The_header_of_a_frame_is_as_long_as_the_length_of_its_json_requires(int json, int header)
    {
        var rest = Encode(NotifierV1.Format, Text(0)).Length - 2;
        var frame = Encode(NotifierV1.Format, Text(json - rest));

        frame.Should().HaveCount(header + json);
        ServerFrame.Length(frame).Should().Be(frame.Length);
        ((string?)JsonNode.Parse(frame.AsSpan(header))!["data"]).Should().HaveLength(json - rest);
    }

    [Fact]
    public void Frames_of_a_batch_follow_each_other_with_headers_of_any_length()
    {
        int[] lengths = [0, 200, 1, 15_000, 50];
        var frames = NotifierV1.Format.Encode(new FrameBuffer(), [.. lengths.Select(Text)], source, 7).Bytes.Span;

        foreach (var length in lengths)
        {
            var frame = ServerFrame.Length(frames);
            var json = frames[(frames[1] == 126 ? 4 : 2)..frame];
            ((string?)JsonNode.Parse(json)!["data"]).Should().HaveLength(length);
            frames = frames[frame..];
        }
        frames.Length.Should().Be(0);
    }

    [Fact]
    public void An_event_ends_at_its_empty_line_even_if_the_payload_has_empty_lines()
    {
        Message[] messages = [Message.Create(null, "a\n\nb\r\n\r\nc"u8.ToArray()), Message.GapOf(GapCode.Redis), Text(3)];
        foreach (var format in new[] { EventStream.Format, EventStream.OfOneName })
        {
            var events = format.Encode(new FrameBuffer(), messages, source, 1).Bytes.Span;
            for (var n = 1; n <= messages.Length; n++)
            {
                var text = Encoding.UTF8.GetString(events[..format.FrameLength(events)]);
                var id = format == EventStream.OfOneName ? $"id: {source.Text(new Position(n))}\n" : "";
                text.Should().StartWith(id + "data: {").And.EndWith($"\"position\":\"{source.Text(new Position(n))}\"}}\n\n");
                text.Count(c => c == '\n').Should().Be(id.Length > 0 ? 3 : 2);
                events = events[format.FrameLength(events)..];
            }
            events.Length.Should().Be(0);
        }
    }

    [Fact]
    public void Positions_differ_for_each_message_and_for_each_new_subscription_of_a_name()
    {
        source.Text(new Position(1)).Should().MatchRegex(@"^[\w-]{11}\.1$").And.Be(source.Text(new Position(1))).And.NotBe(source.Text(new Position(2)));
        source.Text(new Position(long.MaxValue)).Should().EndWith("." + long.MaxValue);
        new SubscriptionIdentity(source.Name).Text(new Position(1)).Should().NotBe(source.Text(new Position(1)));
    }

    private static Message Text(int length) => Message.Create(null, Encoding.ASCII.GetBytes(new string('x', length)));

    /// <summary>Encodes the message, even if it is partly a shared frame.</summary>
    private byte[] Encode(WireFormat format, Message message)
    {
        var batch = format.Encode(new FrameBuffer(), [message], source, 1);
        return [.. batch.Bytes.Span, .. batch.Payload.Span];
    }
}
