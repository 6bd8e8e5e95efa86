using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Notifier.Tests.Endpoints;

/// <summary>Compares the text of an example, and parses arguments as redis-cli does.</summary>
internal static partial class ExampleText
{
    /// <summary>A value that the page cannot know: a position, an id or a number.</summary>
    public const string Unknown = "…";

    /// <summary>Compares exactly, except for unknown values.</summary>
    public static bool Matches(string expected, string actual) => Regex.IsMatch(
        actual, @"\A" + string.Join(@"[\w.~-]+", expected.Split(Unknown).Select(Regex.Escape)) + @"\z", RegexOptions.CultureInvariant);

    /// <summary>The arguments of a command line as bytes: unquoted, in single quotes, or in double quotes with escapes.</summary>
    public static byte[][] Arguments(string commandLine) =>
        [.. Argument().Matches(commandLine).Select(match => match.Groups["double"] is { Success: true } quoted
            ? Unescape(quoted.Value)
            : Encoding.UTF8.GetBytes(match.Groups["single"].Success ? match.Groups["single"].Value : match.Value))];

    private static byte[] Unescape(string text)
    {
        var bytes = new List<byte>();
        for (var rest = text; rest.Length > 0;)
        {
            if (HexByte().Match(rest) is { Success: true } hex)
            {
                bytes.Add(byte.Parse(hex.Groups["digits"].ValueSpan, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                rest = rest[hex.Length..];
                continue;
            }
            var rune = Rune.GetRuneAt(rest, 0);
            if (rune.Value == '\\')
                throw new FormatException($"Of redis-cli's escapes, examples have \\x.. only: {text}");
            bytes.AddRange(Encoding.UTF8.GetBytes(rune.ToString()));
            rest = rest[rune.Utf16SequenceLength..];
        }
        return [.. bytes];
    }

    [GeneratedRegex(@"""(?<double>(?:[^""\\]|\\.)*)""|'(?<single>[^']*)'|\S+")]
    private static partial Regex Argument();

    [GeneratedRegex(@"\A\\x(?<digits>[0-9a-fA-F]{2})")]
    private static partial Regex HexByte();
}
