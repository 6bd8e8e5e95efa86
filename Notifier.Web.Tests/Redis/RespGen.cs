using CsCheck;

namespace Notifier.Tests.Redis;

/// <summary>Random frames.</summary>
internal static class RespGen
{
    private static readonly Gen<byte[]> Text = Gen.Frequency(
        (3, Gen.OneOf("news", "", "\r\n", "a\r\nb", "$1\r\na\r\n", "*3\r\n", "é").Select(Resp.Text)), (1, Gen.Byte.Array[0, 40]));

    private static readonly Gen<byte[]> Scalar = Gen.Frequency(
        (3, Gen.OneOf("+OK\r\n", "+\r\n", "-ERR no\r\n", ":1\r\n", ":-1\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "(12345\r\n", "%0\r\n", "~0\r\n").Select(Resp.Text)),
        (2, Gen.Select(Gen.OneOf('$', '=', '!'), Text, Resp.Bulk)));

    /// <summary>A reply that may contain other replies.</summary>
    public static readonly Gen<byte[]> Reply = Nested(3);

    private static readonly Gen<char> Mark = Gen.OneOf('*', '>');

    /// <summary>Any frame of a subscription connection.</summary>
    public static readonly Gen<byte[]> Frame = Gen.Frequency(
        (2, Reply),
        (2, Gen.Select(Text, Text, Mark, static (channel, payload, mark) => Resp.Push(mark, "message", channel, payload))),
        (2, Gen.Select(Text, Text, Text, Mark, static (pattern, channel, payload, mark) => Resp.Push(mark, "pmessage", pattern, channel, payload))),
        (1, Gen.Select(Gen.OneOf("subscribe", "psubscribe", "unsubscribe", "punsubscribe"), Gen.OneOf("news", "", "\r\n", "n*"), Mark, Resp.Confirmation)));

    /// <summary>Parts of frames in random order.</summary>
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
