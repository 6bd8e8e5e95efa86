using System.Text.RegularExpressions;

namespace Notifier.Tests.Endpoints;

/// <summary>Who performs a line of an example.</summary>
internal enum Actor
{
    /// <summary><c>&gt;</c>: the client sends this.</summary>
    Client,

    /// <summary><c>&lt;</c>: the server answers this.</summary>
    Server,

    /// <summary><c>!</c>: another party does this, such as a backend or an operator.</summary>
    SomebodyElse,
}

internal sealed record ExampleLine(Actor Actor, string Text);

/// <param name="Kind">The language of its code fence: <c>notifier</c>, <c>plain</c> or <c>http</c>.</param>
/// <param name="Section">The heading (<c>##</c>) above it.</param>
/// <param name="At">The number of its first line on the page.</param>
/// <param name="Lines">The steps, in order.</param>
internal sealed record Example(string Kind, string Section, int At, IReadOnlyList<ExampleLine> Lines);

/// <summary>Parses docs/protocol.md: an example is a fenced block of one of the three kinds.</summary>
internal sealed partial class ProtocolPage
{
    public static readonly string[] Kinds = ["notifier", "plain", "http"];

    /// <summary>Code for readers, which no test runs.</summary>
    private static readonly string[] Others = ["js"];

    private ProtocolPage(IReadOnlyList<Example> examples, HashSet<string> rows)
    {
        Examples = examples;
        Rows = rows;
    }

    public IReadOnlyList<Example> Examples { get; }

    /// <summary>The first cells of all table rows, without their backquotes.</summary>
    public HashSet<string> Rows { get; }

    public static ProtocolPage Read() => Parse(File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "docs", "protocol.md")));

    /// <exception cref="FormatException">A block on the page is ambiguous or cannot be parsed.</exception>
    public static ProtocolPage Parse(IReadOnlyList<string> page)
    {
        var examples = new List<Example>();
        var rows = new HashSet<string>();
        var section = "";
        for (var n = 0; n < page.Count; n++)
        {
            if (FirstCell().Match(page[n]) is { Success: true } row)
                rows.Add(row.Groups["cell"].Value);
            if (page[n].StartsWith("## ", StringComparison.Ordinal))
                section = page[n][3..];
            if (!page[n].StartsWith("```", StringComparison.Ordinal))
                continue;
            var (kind, at) = (page[n][3..], n + 2);
            var lines = new List<string>();
            while (++n < page.Count && page[n] != "```")
                lines.Add(page[n]);
            if (n == page.Count)
                throw new FormatException($"The block at line {at} has no end.");
            if (Kinds.Contains(kind))
                examples.Add(new Example(kind, section, at, [.. lines.Select((line, i) => ParseLine(line, at + i))]));
            else if (!Others.Contains(kind))
                throw new FormatException($"Line {at - 1}: a block is {string.Join(", ", [.. Kinds, .. Others])}, not \"{kind}\".");
        }
        foreach (var empty in examples.Where(example => example.Lines.All(line => line.Actor != Actor.Server)))
            throw new FormatException($"The example at line {empty.At} shows nothing that the server answers.");
        return new ProtocolPage(examples, rows);
    }

    private static ExampleLine ParseLine(string line, int number)
    {
        Actor actor = line is [var sign, ..] ? sign switch
        {
            '>' => Actor.Client,
            '<' => Actor.Server,
            '!' => Actor.SomebodyElse,
            _ => throw Unreadable(),
        } : throw Unreadable();
        return line.Length == 1 ? new(actor, "") : line[1] == ' ' ? new(actor, line[2..]) : throw Unreadable();

        FormatException Unreadable() => new($"Line {number} begins with none of \"> \", \"< \" and \"! \": {line}");
    }

    [GeneratedRegex("^\\| `?(?<cell>[^|`]+?)`? +\\|")]
    private static partial Regex FirstCell();
}
