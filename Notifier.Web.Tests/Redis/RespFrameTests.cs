using System.Globalization;
using System.Text;
using CsCheck;
using FluentAssertions;
using Notifier.Redis.Receiver;
using Notifier.Tests.Names;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>Frames as Redis sends them, cut anywhere, and as Redis never sends them.</summary>
public sealed class RespFrameTests
{
    private static readonly string[] Words = ["subscribe", "psubscribe", "unsubscribe", "punsubscribe"];

    /// <summary>What follows a frame must not change what is read of it.</summary>
    private static readonly byte[] Next = Resp.Text("+OK\r\n");

    private static readonly string[] EveryReply =
    [
        "+OK\r\n", "+\r\n", "-ERR unknown command\r\n", ":0\r\n", ":-12\r\n", "$5\r\nhello\r\n", "$0\r\n\r\n", "$-1\r\n", "$2\r\n\r\n\r\n",
        "*-1\r\n", "*0\r\n", "*2\r\n$4\r\npong\r\n$0\r\n\r\n", "*2\r\n*2\r\n:1\r\n$1\r\na\r\n*1\r\n*0\r\n", "*3\r\n$-1\r\n*-1\r\n_\r\n",
        "%0\r\n", "%2\r\n+a\r\n:1\r\n+b\r\n*2\r\n:2\r\n:3\r\n", "~2\r\n+a\r\n$1\r\nb\r\n", ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n",
        "|1\r\n+ttl\r\n:3\r\n+OK\r\n", "*2\r\n|1\r\n+ttl\r\n:3\r\n:1\r\n:2\r\n", "_\r\n", "#t\r\n", "#f\r\n", ",1.5\r\n", ",inf\r\n", "(3492890328409238509324850943850943825024385\r\n",
        "=15\r\ntxt:Some string\r\n", "!21\r\nSYNTAX invalid syntax\r\n",
        // Nearly messages.
        "*2\r\n$7\r\nmessage\r\n$1\r\na\r\n", "*4\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n", "*3\r\n$7\r\nMESSAGE\r\n$1\r\na\r\n$1\r\nb\r\n",
        "*3\r\n$8\r\npmessage\r\n$1\r\na\r\n$1\r\nb\r\n", "*3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$1\r\nb\r\n", "*3\r\n+message\r\n$1\r\na\r\n$1\r\nb\r\n",
        "~3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", "*1\r\n*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n", "*3\r\n$10\r\nssubscribe\r\n$1\r\na\r\n:1\r\n",
    ];

    public static TheoryData<string> Replies => [.. EveryReply];

    public static TheoryData<string> Malformed =>
    [
        "\r\n", "\n", "\0", "hello\r\n", " +OK\r\n", "+OK\r\n"[1..], "*x\r\n", "*\r\n", "$\r\n", "$1x\r\nab\r\n", "$ 1\r\na\r\n", "$1.0\r\na\r\n", "$?\r\n", "*3\n+a\r\n",
        "*99999999999999999999\r\n", "$99999999999999999999\r\n", "$2147483648\r\n", "$536870913\r\n", "*1000001\r\n", "%500001\r\n", "|500001\r\n", ">2147483647\r\n",
        "*2\r\n:1\r\nx\r\n", "*1\r\n*1\r\n\r\n", "%1\r\n+a\r\n?\r\n",
        "*3\r\n$7\r\nmessage\r\n:1\r\n$1\r\nb\r\n", "*3\r\n$7\r\nmessage\r\n$-1\r\n$1\r\nb\r\n", "*3\r\n$7\r\nmessage\r\n$\r\n", "*3\r\n$7\r\nmessage\r\n$x\r\n",
        "*3\r\n$7\r\nmessage\r\n$1\r\nab\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\r$1\r\nb\r\n", "*3\r\n$7\r\nmessage\r\n$1\n\na\r\n",
        "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$536870913\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$99999999999999999999\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\n\n",
        ">4\r\n$8\r\npmessage\r\n$1\r\na\r\n$1\r\nb\r\n+c\r\n", ">4\r\n$8\r\npmessage\r\n+a\r\n",
        "*3\r\n$9\r\nsubscribe\r\n$1\r\naXX:1\r\n", "*3\r\n$11\r\nunsubscribe\r\n:1\r\n:0\r\n",
    ];

    private static IEnumerable<byte[]> Payloads =>
    [
        .. new[] { 0, 1, 100, 16 * 1024, 64 * 1024, 512 * 1024 }.Select(RandomBytes),
        Resp.Text("\r\n"), Resp.Text("\r\n\r\n"), Resp.Text("a\r\nb"), Resp.Text("\r"), Resp.Text("$3\r\nabc\r\n"), Resp.Text("*1000001\r\n"),
        Resp.Message("other", "x"), Resp.Confirmation("subscribe", "other"), [0, 0xFF, 0xC3, 0x28],
    ];

    // ---- what is read --------------------------------------------------------------------------------------------------

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

    /// <summary>The answer to <c>UNSUBSCRIBE</c> without a name where none is subscribed.</summary>
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

    // ---- what is not whole ---------------------------------------------------------------------------------------------

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

    // ---- what is not RESP ----------------------------------------------------------------------------------------------

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Invalid_resp_is_rejected(string bytes)
    {
        var read = () => RespFrame.TryRead(Resp.Text(bytes), out _);

        read.Should().Throw<InvalidDataException>();
    }

    [Fact]
    public void A_line_without_an_end_is_rejected_before_it_fills_the_memory()
    {
        foreach (var kind in "+-:$*(")
        {
            var line = Resp.Text(kind + new string('1', 100_000));
            var read = () => RespFrame.TryRead(line, out _);

            read.Should().Throw<InvalidDataException>();
        }
    }

    [Fact]
    public void Random_bytes_are_read_rejected_or_reported_as_incomplete() =>
        Gen.OneOf(Gen.Byte.Array[0, 64], RespGen.Pieces).Sample(IsReadOrRejected, print: Globs.Show, iter: 20_000);

    [Fact]
    public void A_stream_with_one_changed_byte_is_read_rejected_or_reported_as_incomplete() =>
        Gen.Select(RespGen.Frame.Array[1, 4], Gen.Int[0, 1_000_000], Gen.OneOf(Gen.Byte, Gen.OneOf("*$>+:\r\n-09"u8.ToArray())), static (frames, at, value) =>
        {
            var stream = Resp.Join(frames);
            stream[at % stream.Length] = value;
            return stream;
        }).Sample(IsReadOrRejected, print: Globs.Show, iter: 10_000);

    /// <summary>Frame by frame as the receiver reads it, to the end. Any other exception fails the test.</summary>
    private static bool IsReadOrRejected(byte[] bytes)
    {
        ReadOnlySpan<byte> rest = bytes;
        try
        {
            while (RespFrame.TryRead(rest, out var frame))
            {
                if (frame.Length <= 0 || frame.Length > rest.Length)
                    return false;
                rest = rest[frame.Length..];
            }
        }
        catch (InvalidDataException)
        {
            // Rejected.
        }
        return true;
    }

    private static byte[] RandomBytes(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }
}

/// <summary>Random frames.</summary>
internal static class RespGen
{
    private static readonly Gen<byte[]> Text = Gen.Frequency(
        (3, Gen.OneOf("news", "", "\r\n", "a\r\nb", "$1\r\na\r\n", "*3\r\n", "é").Select(Resp.Text)), (1, Gen.Byte.Array[0, 40]));

    private static readonly Gen<byte[]> Scalar = Gen.Frequency(
        (3, Gen.OneOf("+OK\r\n", "+\r\n", "-ERR no\r\n", ":1\r\n", ":-1\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "(12345\r\n", "%0\r\n", "~0\r\n").Select(Resp.Text)),
        (2, Gen.Select(Gen.OneOf('$', '=', '!'), Text, Resp.Bulk)));

    /// <summary>A reply, with others nested in it.</summary>
    public static readonly Gen<byte[]> Reply = Nested(3);

    private static readonly Gen<char> Mark = Gen.OneOf('*', '>');

    /// <summary>Any frame of a subscription connection.</summary>
    public static readonly Gen<byte[]> Frame = Gen.Frequency(
        (2, Reply),
        (2, Gen.Select(Text, Text, Mark, static (channel, payload, mark) => Resp.Push(mark, "message", channel, payload))),
        (2, Gen.Select(Text, Text, Text, Mark, static (pattern, channel, payload, mark) => Resp.Push(mark, "pmessage", pattern, channel, payload))),
        (1, Gen.Select(Gen.OneOf("subscribe", "psubscribe", "unsubscribe", "punsubscribe"), Gen.OneOf("news", "", "\r\n", "n*"), Mark, Resp.Confirmation)));

    /// <summary>What frames are made of, in no order.</summary>
    public static readonly Gen<byte[]> Pieces = Gen.Frequency(
        (8, Gen.OneOf("*3\r\n", ">3\r\n", "*4\r\n", "$7\r\n", "message\r\n", "$8\r\npmessage\r\n", "*3\r\n$7\r\nmessage\r\n", "*4\r\n$8\r\npmessage\r\n",
            "*3\r\n$9\r\nsubscribe\r\n", ">3\r\n$12\r\npunsubscribe\r\n", "$1\r\na\r\n", "$0\r\n\r\n", "$-1\r\n", "$", "$1", "\r\n", "\r", "\n", ":1\r\n", "+a\r\n", "*1\r\n", "%1\r\n", "|1\r\n",
            "$-", "*-", "$99999999999\r\n", "_\r\n", "a").Select(Resp.Text)),
        (1, Gen.Byte.Array[0, 4])).Array[0, 10].Select(Resp.Join);

    private static Gen<byte[]> Nested(int depth) => depth == 0 ? Scalar : Gen.Frequency(
        (3, Scalar),
        (2, Gen.Select(Gen.OneOf('*', '~', '>'), Nested(depth - 1).Array[0, 4], static (kind, items) => Resp.Of(kind, items.Length, items))),
        (1, Gen.Select(Nested(depth - 1), Nested(depth - 1), static (key, value) => Resp.Of('%', 1, key, value))),
        (1, Gen.Select(Scalar, Scalar, Nested(depth - 1), static (key, value, of) => Resp.Of('|', 1, key, value, of))));
}

/// <summary>Frames as Redis writes them.</summary>
internal static class Resp
{
    public static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);

    public static byte[] Join(params byte[][] parts) => [.. parts.SelectMany(static part => part)];

    public static byte[] Bulk(char kind, byte[] content) => Join(Text($"{kind}{content.Length.ToString(CultureInfo.InvariantCulture)}\r\n"), content, "\r\n"u8.ToArray());

    /// <summary>A frame of others.</summary>
    public static byte[] Of(char kind, int count, params byte[][] items) => Join([Text($"{kind}{count.ToString(CultureInfo.InvariantCulture)}\r\n"), .. items]);

    public static byte[] Push(char mark, string word, params byte[][] parts) =>
        Of(mark, 1 + parts.Length, [Bulk('$', Text(word)), .. parts.Select(static part => Bulk('$', part))]);

    public static byte[] Message(string channel, string payload) => Message(channel, Text(payload));

    public static byte[] Message(string channel, byte[] payload, char mark = '*') => Push(mark, "message", Text(channel), payload);

    public static byte[] Message(string channel, string payload, char mark) => Message(channel, Text(payload), mark);

    public static byte[] PatternMessage(string pattern, string channel, string payload) => PatternMessage(pattern, channel, Text(payload));

    public static byte[] PatternMessage(string pattern, string channel, byte[] payload, char mark = '*') =>
        Push(mark, "pmessage", Text(pattern), Text(channel), payload);

    /// <param name="word"><c>subscribe</c> and the like.</param>
    /// <param name="name">Which name.</param>
    /// <param name="mark">What the frame begins with.</param>
    public static byte[] Confirmation(string word, string name, char mark = '*') => Of(mark, 3, Bulk('$', Text(word)), Bulk('$', Text(name)), Text(":1\r\n"));
}
