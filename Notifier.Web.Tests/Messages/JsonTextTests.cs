using System.Text;
using System.Text.Json;
using CsCheck;
using FluentAssertions;
using Notifier.Messages;
using Xunit;

namespace Notifier.Tests.Messages;

/// <summary>Strings that Notifier escapes itself, read by System.Text.Json.</summary>
public sealed class JsonTextTests
{
    /// <summary>Mostly characters that must be escaped, and characters of one to four bytes.</summary>
    private static readonly Gen<string> Text = Gen.OneOf(
        Gen.Int[0, 0x1F].Select(code => ((char)code).ToString()),
        Gen.OneOf("\"", "\\", "/", "\u007F", "\u2028", "é", "€", "😀", "\uFFFD"),
        Gen.Char['a', 'z'].Select(letter => letter.ToString())).Array[0, 40].Select(string.Concat);

    [Fact]
    public void A_string_written_as_json_is_read_back_unchanged() => Text.Sample(text =>
    {
        var json = new FrameBuffer();
        JsonText.Append(json, Encoding.UTF8.GetBytes(text));
        return JsonSerializer.Deserialize<string>(json.Written.Span) == text;
    });

    [Fact]
    public void Bytes_written_as_base64_are_read_back_unchanged() => Gen.Byte.Array[0, 100].Sample(bytes =>
    {
        var json = new FrameBuffer();
        JsonText.AppendBase64(json, bytes);
        return JsonSerializer.Deserialize<byte[]>(json.Written.Span)!.SequenceEqual(bytes);
    });

    [Fact]
    public void Only_characters_that_json_requires_to_be_escaped_are_escaped()
    {
        var json = new FrameBuffer();
        JsonText.Append(json, "</a> é 😀 \u007F \" \\ \n \u0001"u8);
        Encoding.UTF8.GetString(json.Written.Span).Should().Be("\"</a> é 😀 \u007F \\\" \\\\ \\n \\u0001\"");
    }
}
