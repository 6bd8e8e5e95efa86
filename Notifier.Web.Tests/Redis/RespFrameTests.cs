using System.Text;
using CsCheck;
using FluentAssertions;
using Notifier.Redis.Receiver;
using Notifier.Tests.Names;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>Frames as Redis sends them, complete and incomplete. For invalid ones, see <see cref="InvalidRespTests"/>.</summary>
public sealed class RespFrameTests
{
    private static readonly string[] Words = ["subscribe", "psubscribe", "unsubscribe", "punsubscribe"];

    /// <summary>Bytes behind a frame must not change the result.</summary>
    private static readonly byte[] Next = Resp.Text("+OK\r\n");

    private static readonly string[] EveryReply =
    [
        "+OK\r\n", "+\r\n", "-ERR unknown command\r\n", ":0\r\n", ":-12\r\n", "$5\r\nhello\r\n", "$0\r\n\r\n", "$-1\r\n", "$2\r\n\r\n\r\n",
        "*-1\r\n", "*0\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n", "*2\r\n*2\r\n:1\r\n$1\r\na\r\n*1\r\n*0\r\n", "*3\r\n$-1\r\n*-1\r\n_\r\n",
        "%0\r\n", "%2\r\n+a\r\n:1\r\n+b\r\n*2\r\n:2\r\n:3\r\n", "~2\r\n+a\r\n$1\r\nb\r\n", ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n",
        "|1\r\n+ttl\r\n:3\r\n+OK\r\n", "*2\r\n|1\r\n+ttl\r\n:3\r\n:1\r\n:2\r\n", "_\r\n", "#t\r\n", "#f\r\n", ",1.5\r\n", ",inf\r\n", "(3492890328409238509324850943850943825024385\r\n",
        "=15\r\ntxt:Some string\r\n", "!21\r\nSYNTAX invalid syntax\r\n",
        // Almost messages.
        "*2\r\n$7\r\nmessage\r\n$1\r\na\r\n", "*4\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n", "*3\r\n$7\r\nMESSAGE\r\n$1\r\na\r\n$1\r\nb\r\n",
        "*3\r\n$8\r\npmessage\r\n$1\r\na\r\n$1\r\nb\r\n", "*3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$1\r\nb\r\n", "*3\r\n+message\r\n$1\r\na\r\n$1\r\nb\r\n",
        "~3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", "*1\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", "*3\r\n$10\r\nssubscribe\r\n$1\r\na\r\n:1\r\n",
    ];

    public static TheoryData<string> Replies => [.. EveryReply];

    private static IEnumerable<byte[]> Payloads =>
    [
        .. new[] { 0, 1, 100, 16 * 1024, 64 * 1024, 512 * 1024 }.Select(RandomBytes),
        Resp.Text("\r\n"), Resp.Text("\r\n\r\n"), Resp.Text("a\r\nb"), Resp.Text("\r"), Resp.Text("$3\r\nabc\r\n"), Resp.Text("*1000001\r\n"),
        Resp.Message("other", "x"), Resp.Confirmation("subscribe", "other"), [0, 0xFF, 0xC3, 0x28],
    ];

    [Theory]
    [InlineData('*')]
    [InlineData('>')]
    public void A_message_is_read_with_its_channel_and_payload(char mark)
    {
        foreach (var channel in new[] { "news", "", "é\r\n", "$3\r\nabc\r\n" })
        {
            foreach (var payload in Payloads)
            {
                var bytes = Resp.Message(channel, payload, mark);

                RespFrame.TryRead([.. bytes, .. Next], out var frame).Should().BeTrue();

                (frame.Kind, frame.Length, frame.IsPattern).Should().Be((RespKind.Message, bytes.Length, false));
                Encoding.UTF8.GetString(frame.Name).Should().Be(channel);
                Encoding.UTF8.GetString(frame.Channel).Should().Be(channel);
                frame.Payload.SequenceEqual(payload).Should().BeTrue();
            }
        }
    }

    [Theory]
    [InlineData('*')]
    [InlineData('>')]
    public void A_message_for_a_pattern_is_read_with_the_pattern_its_channel_and_its_payload(char mark)
    {
        foreach (var (pattern, channel) in new[] { ("n*", "news"), ("*", ""), ("\r\n*", "\r\n$1\r\n"), ("é?", "éa") })
        {
            foreach (var payload in Payloads)
            {
                var bytes = Resp.PatternMessage(pattern, channel, payload, mark);

                RespFrame.TryRead([.. bytes, .. Next], out var frame).Should().BeTrue();

                (frame.Kind, frame.Length, frame.IsPattern).Should().Be((RespKind.PatternMessage, bytes.Length, true));
                Encoding.UTF8.GetString(frame.Name).Should().Be(pattern);
                Encoding.UTF8.GetString(frame.Channel).Should().Be(channel);
                frame.Payload.SequenceEqual(payload).Should().BeTrue();
            }
        }
    }

    [Theory]
    [InlineData("subscribe", nameof(RespKind.Subscribed), false)]
    [InlineData("psubscribe", nameof(RespKind.Subscribed), true)]
    [InlineData("unsubscribe", nameof(RespKind.Unsubscribed), false)]
    [InlineData("punsubscribe", nameof(RespKind.Unsubscribed), true)]
    public void A_confirmation_is_read_with_the_name_that_redis_confirms(string word, string kind, bool isPattern)
    {
        foreach (var mark in "*>")
        {
            foreach (var name in new[] { "news", "", "é", "\r\n", "$-1\r\n", new string('n', 70_000) })
            {
                var bytes = Resp.Confirmation(word, name, mark);

                RespFrame.TryRead([.. bytes, .. Next], out var frame).Should().BeTrue();

                (frame.Kind.ToString(), frame.Length, frame.IsPattern).Should().Be((kind, bytes.Length, isPattern));
                Encoding.UTF8.GetString(frame.Name).Should().Be(name);
            }
        }
    }

    /// <summary>The answer to <c>UNSUBSCRIBE</c> without a name, while no name is subscribed.</summary>
    [Theory]
    [InlineData("unsubscribe", '*', "$-1\r\n")]
    [InlineData("punsubscribe", '*', "$-1\r\n")]
    [InlineData("unsubscribe", '>', "$-1\r\n")]
    [InlineData("punsubscribe", '>', "$-1\r\n")]
    [InlineData("unsubscribe", '>', "_\r\n")]
    [InlineData("punsubscribe", '>', "_\r\n")]
    public void A_confirmation_without_a_name_is_left_to_the_library(string word, char mark, string nothing)
    {
        var bytes = Resp.Text($"{mark}3\r\n${word.Length}\r\n{word}\r\n{nothing}:0\r\n");

        RespFrame.TryRead([.. bytes, .. Next], out var frame).Should().BeTrue();

        (frame.Kind, frame.Length).Should().Be((RespKind.Other, bytes.Length));
    }

    [Theory]
    [MemberData(nameof(Replies))]
    public void A_frame_of_any_other_kind_is_left_to_the_library_and_read_to_its_end(string reply)
    {
        var bytes = Resp.Text(reply);

        RespFrame.TryRead([.. bytes, .. Next], out var frame).Should().BeTrue();

        (frame.Kind, frame.Length).Should().Be((RespKind.Other, bytes.Length));
    }

    [Fact]
    public void Nested_frames_of_all_kinds_are_read_to_their_end() => Gen.Select(RespGen.Reply, RespGen.Frame).Sample((reply, next) =>
    {
        RespFrame.TryRead([.. reply, .. next], out var frame).Should().BeTrue(Globs.Show(reply));
        frame.Length.Should().Be(reply.Length, Globs.Show(reply));
        RespFrame.TryRead([.. next, .. reply], out frame).Should().BeTrue(Globs.Show(next));
        frame.Length.Should().Be(next.Length, Globs.Show(next));
    }, iter: 1_000);

    [Fact]
    public void A_hundred_thousand_nested_arrays_are_read_without_a_stack_overflow()
    {
        var bytes = Resp.Text(string.Concat(Enumerable.Repeat("*1\r\n", 100_000)) + ":1\r\n");

        RespFrame.TryRead(bytes, out var frame).Should().BeTrue();
        RespFrame.TryRead(bytes.AsSpan(0, bytes.Length - 1), out _).Should().BeFalse();

        frame.Length.Should().Be(bytes.Length);
    }

    [Fact]
    public void A_frame_is_incomplete_until_its_last_byte()
    {
        var confirmations = Words.SelectMany(static word => new[]
        {
            Resp.Confirmation(word, "news"), Resp.Confirmation(word, "\r\n$1\r\n", '>'), Resp.Text($"*3\r\n${word.Length}\r\n{word}\r\n$-1\r\n:0\r\n"),
        });
        var messages = "*>".SelectMany(static mark => new[]
        {
            Resp.Message("news", "hello", mark), Resp.Message("", "", mark), Resp.Message("\r\n", "\r\n$5\r\nab\r\n\r", mark), Resp.Message("a", RandomBytes(1_000), mark),
            Resp.PatternMessage("n*", "news", Resp.Text("hello"), mark), Resp.PatternMessage("", "", [], mark), Resp.PatternMessage("\r\n*", "\r\n", Resp.Text("*1\r\n"), mark),
        });
        foreach (var whole in EveryReply.Select(Resp.Text).Concat(confirmations).Concat(messages))
        {
            for (var length = 0; length < whole.Length; length++)
                RespFrame.TryRead(whole.AsSpan(0, length), out _).Should().BeFalse("{0} bytes of {1} are not all of it", length, Globs.Show(whole));
            RespFrame.TryRead(whole, out var frame).Should().BeTrue(Globs.Show(whole));
            frame.Length.Should().Be(whole.Length);
        }
    }

    [Fact]
    public void A_random_frame_is_incomplete_until_its_last_byte() => RespGen.Frame.Sample(whole =>
    {
        for (var length = 0; length < whole.Length; length++)
        {
            if (RespFrame.TryRead(whole.AsSpan(0, length), out _))
                return false;
        }
        return RespFrame.TryRead(whole, out var frame) && frame.Length == whole.Length;
    }, print: Globs.Show, iter: 1_000);

    [Fact]
    public void A_large_message_is_incomplete_until_its_last_byte()
    {
        var whole = Resp.PatternMessage("n*", "news", RandomBytes(512 * 1024), '*');
        for (var length = 1; length < whole.Length; length += 997)
            RespFrame.TryRead(whole.AsSpan(0, length), out _).Should().BeFalse();
        RespFrame.TryRead(whole.AsSpan(0, whole.Length - 1), out _).Should().BeFalse();

        RespFrame.TryRead(whole, out var frame).Should().BeTrue();
        frame.Length.Should().Be(whole.Length);
    }

    private static byte[] RandomBytes(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }
}
