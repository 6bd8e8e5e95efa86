using System.Buffers.Binary;
using Notifier.Tests.Support;

namespace Notifier.Tests.Faults;

/// <summary>Frames that RFC 6455 forbids, with the sections of the RFC and the numbers of Autobahn's cases.</summary>
internal static class Rfc6455
{
    private const byte Continuation = 0;
    private const int Final = 0x80;

    /// <summary>Invalid bytes, and the close code that the RFC requires.</summary>
    /// <param name="What">The violation.</param>
    /// <param name="Code">1002 (protocol error) or 1007 (not UTF-8).</param>
    /// <param name="Bytes">One frame, or several.</param>
    public sealed record Broken(string What, int Code, byte[] Bytes);

    /// <summary>5.1: a client masks each frame. Each is sent three times, because .NET reads a header together with its mask.</summary>
    private static IEnumerable<Broken> Unmasked =>
        from frame in new (string What, byte[] Bytes)[]
        {
            ("text", [0x81, 1, 65]), ("empty text", [0x81, 0]), ("longer text", [0x81, 5, 65, 65, 65, 65, 65]), ("binary", [0x82, 1, 65]), ("a ping", [0x89, 0]),
            ("a pong", [0x8A, 1, 65]), ("a close", [0x88, 2, 3, 232]), ("a fragment", [0x01, 1, 65]),
        }
        select new Broken(frame.What + " without a mask", 1002, [.. frame.Bytes, .. frame.Bytes, .. frame.Bytes]);

    /// <summary>5.2: reserved bits and opcodes have no meaning yet. Autobahn 3.x, 4.x.</summary>
    private static IEnumerable<Broken> Reserved =>
    [
        .. from bits in Enumerable.Range(1, 7) select new Broken($"text with the reserved bits {bits:b3}", 1002, First(Final | (bits << 4) | Frame.TextOpcode)),
        new("a ping with a reserved bit", 1002, First(Final | 0x40 | Frame.PingOpcode)),
        new("a close with a reserved bit", 1002, First(Final | 0x40 | Frame.CloseOpcode)),
        new("a continuation with a reserved bit", 1002, [.. Fragment(Frame.TextOpcode, "a"u8), .. First(Final | 0x40 | Continuation)]),
        .. from opcode in Enumerable.Range(3, 5).Concat(Enumerable.Range(11, 5)) select new Broken($"opcode {opcode}", 1002, First(Final | opcode)),
    ];

    /// <summary>5.4, 5.5: fragments, and control frames, which are short and never fragmented. Autobahn 2.x, 5.x.</summary>
    private static IEnumerable<Broken> Fragments =>
    [
        new("a continuation of nothing", 1002, First(Final | Continuation)),
        new("a continuation of nothing, not the last", 1002, First(Continuation)),
        new("a continuation without a mask", 1002, [.. Fragment(Frame.TextOpcode, "a"u8), 0x80, 4, 65, 65, 65, 65]),
        new("a continuation of a message that has ended", 1002, [.. Fragment(Frame.TextOpcode, "a"u8), .. First(Final | Continuation), .. First(Final | Continuation)]),
        new("text inside a fragmented text", 1002, [.. Fragment(Frame.TextOpcode, "a"u8), .. RawWebSocket.Masked(Frame.TextOpcode, [66])]),
        new("binary inside a fragmented text", 1002, [.. Fragment(Frame.TextOpcode, "a"u8), .. RawWebSocket.Masked(Frame.BinaryOpcode, [66])]),
        new("a ping in fragments", 1002, First(Frame.PingOpcode)),
        new("a pong in fragments", 1002, First(Frame.PongOpcode)),
        new("a close in fragments", 1002, First(Frame.CloseOpcode)),
        new("a ping of 126 bytes", 1002, RawWebSocket.Masked(Frame.PingOpcode, new byte[126])),
        new("a pong of 126 bytes", 1002, RawWebSocket.Masked(Frame.PongOpcode, new byte[126])),
        new("a close of 126 bytes", 1002, RawWebSocket.Masked(Frame.CloseOpcode, [3, 232, .. Enumerable.Repeat((byte)'a', 124)])),
        new("a ping announced as 2^62 bytes", 1002, Announced(Frame.PingOpcode, 1UL << 62)),
    ];

    /// <summary>5.2: the most significant bit of a 64-bit length is zero.</summary>
    private static IEnumerable<Broken> Lengths =>
    [
        new("text announced as 2^63 bytes", 1002, Announced(Frame.TextOpcode, 1UL << 63)),
        new("text announced as 2^63 + 5 bytes", 1002, [.. Announced(Frame.TextOpcode, (1UL << 63) + 5), .. "abcde"u8]),
        new("text announced as 2^64 - 1 bytes", 1002, Announced(Frame.TextOpcode, ulong.MaxValue)),
        new("binary announced as 2^63 bytes", 1002, Announced(Frame.BinaryOpcode, 1UL << 63)),
        new("a continuation announced as 2^63 bytes", 1002, [.. Fragment(Frame.TextOpcode, "a"u8), .. Announced(Continuation, 1UL << 63)]),
    ];

    /// <summary>5.5.1, 7.4: the code and the reason of a close frame. Autobahn 7.x.</summary>
    private static IEnumerable<Broken> Closes =>
    [
        new("a close with half a code", 1002, RawWebSocket.Masked(Frame.CloseOpcode, [3])),
        .. from code in new ushort[] { 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535 } select new Broken($"a close with code {code}", 1002, Close(code)),
        // 8.1 requires 1007. .NET answers 1002, which 7.4.1 allows ("such as" data that is not consistent with its type).
        new("a close with a reason that is not UTF-8", 1002, Close(1000, 0xCE, 0xBA, 0xED, 0xA0, 0x80)),
        new("a close with half a character", 1002, Close(1000, 0xE2, 0x82)),
    ];

    /// <summary>8.1: text is UTF-8. A fragment may end inside a character. Autobahn 6.x.</summary>
    private static IEnumerable<Broken> Texts =>
    [
        .. from text in new (string What, byte[] Bytes)[]
           {
               ("byte FF", [0x6E, 0xFF]), ("byte FE", [0xFE]), ("a continuation byte alone", [0x80]), ("a continuation byte at the end", [0x61, 0xBF]),
               ("an overlong slash of two bytes", [0xC0, 0xAF]), ("an overlong slash of three", [0xE0, 0x80, 0xAF]), ("an overlong slash of four", [0xF0, 0x80, 0x80, 0xAF]),
               ("an overlong zero", [0xC0, 0x80]), ("half of a surrogate pair", [0xED, 0xA0, 0x80]), ("a surrogate pair", [0xED, 0xA0, 0x80, 0xED, 0xB0, 0x80]),
               ("a character above U+10FFFF", [0xF4, 0x90, 0x80, 0x80]), ("a character of five bytes", [0xF8, 0x88, 0x80, 0x80, 0x80]),
               ("half a character at the end", [0x61, 0xE2, 0x82]), ("a character broken off", [0xE2, 0x82, 0x61]),
           }
           select new Broken("text with " + text.What, 1007, RawWebSocket.Masked(Frame.TextOpcode, text.Bytes)),
        new("text whose second fragment is not UTF-8", 1007, [.. Fragment(Frame.TextOpcode, "a"u8), .. RawWebSocket.Masked(Continuation, [0xFF])]),
        new("text whose first fragment ends in a character that the second does not end", 1007, [.. Fragment(Frame.TextOpcode, [0xE2, 0x82]), .. RawWebSocket.Masked(Continuation, [0x61])]),
        new("text in fragments that ends in half a character", 1007, [.. Fragment(Frame.TextOpcode, [0xE2]), .. RawWebSocket.Masked(Continuation, [0x82])]),
        new("text in fragments that ends in half a character before an empty fragment", 1007, [.. Fragment(Frame.TextOpcode, [0x61, 0xE2]), .. RawWebSocket.Masked(Continuation, [])]),
        new("text whose character above U+10FFFF is split", 1007, [.. Fragment(Frame.TextOpcode, [0xF4]), .. RawWebSocket.Masked(Continuation, [0x90, 0x80, 0x80])]),
        new("text with half a surrogate pair that is split", 1007, [.. Fragment(Frame.TextOpcode, [0xED]), .. RawWebSocket.Masked(Continuation, [0xA0, 0x80])]),
        new("text not UTF-8 around a ping", 1007, [.. Fragment(Frame.TextOpcode, [0xC3]), .. RawWebSocket.Masked(Frame.PingOpcode, []), .. RawWebSocket.Masked(Continuation, [0xC3])]),
    ];

    public static IReadOnlyList<Broken> All { get; } = [.. Unmasked, .. Reserved, .. Fragments, .. Lengths, .. Closes, .. Texts];

    public static byte[] Close(ushort code, params byte[] reason) => RawWebSocket.Masked(Frame.CloseOpcode, [(byte)(code >> 8), (byte)code, .. reason]);

    /// <summary>The first fragment of a message.</summary>
    public static byte[] Fragment(byte opcode, ReadOnlySpan<byte> text) => RawWebSocket.Masked(opcode, text.ToArray(), final: false);

    /// <summary>A header without its payload.</summary>
    private static byte[] Announced(byte opcode, ulong length)
    {
        var header = new byte[14];
        header[0] = (byte)(Final | opcode);
        header[1] = 0x80 | 127;
        BinaryPrimitives.WriteUInt64BigEndian(header.AsSpan(2), length);
        return header;
    }

    /// <summary>A masked frame with this first byte. The payload is one letter, or the code of a close frame.</summary>
    private static byte[] First(int first)
    {
        var frame = RawWebSocket.Masked(Frame.TextOpcode, (first & 0x0F) == Frame.CloseOpcode ? [3, 232] : [65]);
        frame[0] = (byte)first;
        return frame;
    }
}
