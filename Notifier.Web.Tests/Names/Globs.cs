using System.Text;
using CsCheck;

namespace Notifier.Tests.Names;

/// <summary>Generated patterns and channels, of few different bytes so that they often match.</summary>
internal static class Globs
{
    /// <summary>All bytes with a meaning in a pattern, some letters, and bytes whose signed value is negative.</summary>
    private static readonly Gen<byte> Byte = Gen.Frequency(
        (6, Gen.OneOf("abc"u8.ToArray())),
        (6, Gen.OneOf("*?[]"u8.ToArray())),
        (3, Gen.OneOf("^-\\"u8.ToArray())),
        (2, Gen.OneOf<byte>(0x00, 0x7F, 0x80, 0xA9, 0xC3, 0xFF)),
        (1, Gen.Byte));

    private static readonly Gen<byte> ChannelByte = Gen.Frequency(
        (8, Gen.OneOf("abc"u8.ToArray())),
        (2, Gen.OneOf("*?[]^-\\"u8.ToArray())),
        (2, Gen.OneOf<byte>(0x00, 0x7F, 0x80, 0xA9, 0xC3, 0xFF)),
        (1, Gen.Byte));

    /// <summary>Parts as people write them, because random bytes rarely form a closed class.</summary>
    private static readonly Gen<byte[]> Part = Gen.OneOf(
        [.. new[] { "*", "?", "a", "b", "[ab]", "[^a]", "[a-c]", "[c-a]", "[^b-c]", "[]", "[^]", @"\*", @"\a", "[a-]", @"[\]]", "[b", "abc" }
            .Select(Encoding.ASCII.GetBytes)]);

    /// <summary>Arbitrary bytes as a pattern.</summary>
    public static readonly Gen<byte[]> Pattern = Gen.OneOf(Byte.Array[0, 12], Part.Array[0, 6].Select(parts => parts.SelectMany(part => part).ToArray()));

    public static readonly Gen<byte[]> Channel = ChannelByte.Array[0, 8];

    public static string Show(byte[] bytes) =>
        '"' + string.Concat(bytes.Select(value => value is >= 32 and < 127 ? ((char)value).ToString() : $"\\x{value:X2}")) + '"';
}
