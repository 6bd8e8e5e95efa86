using System.Globalization;
using System.Text;

namespace Notifier.Names;

/// <summary>Makes bytes and names readable, for error texts and log lines.</summary>
internal static class ReadableText
{
    /// <summary>Decodes the bytes as UTF-8. Bytes that are not a printable character become escapes such as <c>\x1B</c>.</summary>
    public static string From(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        while (bytes.Length > 0)
        {
            var status = Rune.DecodeFromUtf8(bytes, out var rune, out var length);
            if (status == System.Buffers.OperationStatus.Done && IsPrintable(rune))
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

    /// <summary>Cuts the text to at most <paramref name="bytes"/> UTF-8 bytes, with an ellipsis at the end.</summary>
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

    private static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.Surrogate or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse);
}
