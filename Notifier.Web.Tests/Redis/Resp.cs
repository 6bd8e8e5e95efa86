using System.Globalization;
using System.Text;

namespace Notifier.Tests.Redis;

/// <summary>Frames as Redis writes them.</summary>
internal static class Resp
{
    public static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);

    public static byte[] Join(params byte[][] parts) => [.. parts.SelectMany(static part => part)];

    public static byte[] Bulk(char kind, byte[] content) => Join(Text($"{kind}{content.Length.ToString(CultureInfo.InvariantCulture)}\r\n"), content, "\r\n"u8.ToArray());

    /// <summary>A frame that contains other frames.</summary>
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
    /// <param name="name">The confirmed name.</param>
    /// <param name="mark">The first byte of the frame.</param>
    public static byte[] Confirmation(string word, string name, char mark = '*') => Of(mark, 3, Bulk('$', Text(word)), Bulk('$', Text(name)), Text(":1\r\n"));
}
