using CsCheck;
using FluentAssertions;
using Notifier.Redis.Receiver;
using Notifier.Tests.Names;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>Bytes that Redis never sends: the parser rejects them as invalid data, and throws no other exception.</summary>
public sealed class InvalidRespTests
{
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

    /// <summary>Reads frame by frame to the end, as the receiver does. Any other exception fails the test.</summary>
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
            // The parser rejected the bytes.
        }
        return true;
    }
}
