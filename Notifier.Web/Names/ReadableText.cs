using System.Globalization;
using System.Text;

namespace Notifier.Names;

/// <summary>Bytes and names as people can read them, in a reason or a log line.</summary>
internal static class ReadableText
{
    /// <summary>The bytes as UTF-8; what is no character that can be shown is written as <c>\x1B</c>.</summary>
    public static string From(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        while (bytes.Length > 0)
        {
            var status = Rune.DecodeFromUtf8(bytes, out var rune, out var length);
            if (status == System.Buffers.OperationStatus.Done && IsShown(rune))
                text.Append(rune.ToString());
            else
            {
                foreach (var value in bytes[..length])
                    text.Append(CultureInfo.InvariantCulture, $"\\x{value:X2}");
            }
            bytes = bytes[length..];
        }
        return text.ToString();
    }

    /// <summary>At most so many UTF-8 bytes of it, and an ellipsis where more was.</summary>
    public static string Shorten(string text, int bytes)
    {
        if (Encoding.UTF8.GetByteCount(text) <= bytes)
            return text;
        var shortened = new StringBuilder();
        var left = bytes - "…"u8.Length;
        foreach (var rune in text.EnumerateRunes())
        {
            if ((left -= rune.Utf8SequenceLength) < 0)
                break;
            shortened.Append(rune.ToString());
        }
        return shortened.Append('…').ToString();
    }

    private static bool IsShown(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.Surrogate or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse);
}
