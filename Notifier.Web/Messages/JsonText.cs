using System.Buffers;
using System.Buffers.Text;

namespace Notifier.Messages;

/// <summary>
/// Writes JSON strings from valid UTF-8: escapes only what must be escaped (RFC 8259, 7), and copies everything else.
/// </summary>
internal static class JsonText
{
    private const byte Space = 0x20;

    private static readonly SearchValues<byte> Escaped = SearchValues.Create([.. Enumerable.Range(0, Space).Select(code => (byte)code), (byte)'"', (byte)'\\']);

    /// <summary>Appends the string, with its quotation marks.</summary>
    public static void Append(FrameBuffer into, ReadOnlySpan<byte> utf8)
    {
        into.Append("\""u8);
        while (utf8.IndexOfAny(Escaped) is >= 0 and var at)
        {
            into.Append(utf8[..at]);
            AppendEscaped(into, utf8[at]);
            utf8 = utf8[(at + 1)..];
        }
        into.Append(utf8);
        into.Append("\""u8);
    }

    /// <summary>Appends bytes that are not text as a Base64 string (RFC 4648, 4), with its quotation marks.</summary>
    public static void AppendBase64(FrameBuffer into, ReadOnlySpan<byte> bytes)
    {
        into.Append("\""u8);
        Base64.EncodeToUtf8(bytes, into.Append(Base64.GetMaxEncodedToUtf8Length(bytes.Length)), out _, out _);
        into.Append("\""u8);
    }

    private static void AppendEscaped(FrameBuffer into, byte code)
    {
        switch (code)
        {
            case (byte)'"':
                into.Append("\\\""u8);
                break;
            case (byte)'\\':
                into.Append("\\\\"u8);
                break;
            case (byte)'\n':
                into.Append("\\n"u8);
                break;
            case (byte)'\r':
                into.Append("\\r"u8);
                break;
            case (byte)'\t':
                into.Append("\\t"u8);
                break;
            default:
                into.Append("\\u00"u8);
                Utf8Formatter.TryFormat(code, into.Append(2), out _, new StandardFormat('x', 2));
                break;
        }
    }
}
