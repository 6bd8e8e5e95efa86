using System.Text.RegularExpressions;

namespace Notifier.Tests.Recipes;

/// <summary>A code block of a page in docs/, as a reader would paste it.</summary>
/// <param name="Heading">The heading above the block.</param>
/// <param name="Language">Such as <c>jsx</c>.</param>
/// <param name="File">The last file that the paragraph before the block names, or empty.</param>
/// <param name="Text">The block, with Notifier's address as printed.</param>
internal sealed partial record CodeBlock(string Heading, string Language, string File, string Text)
{
    /// <summary>Notifier's address in the documentation.</summary>
    public const string Notifier = "http://localhost:8081";

    /// <returns>The blocks below a heading, in order.</returns>
    public static List<CodeBlock> Under(string page, string heading)
    {
        var blocks = Read(page).Where(block => block.Heading == heading).ToList();
        return blocks.Count > 0 ? blocks : throw new InvalidOperationException($"docs/{page} has no code below \"{heading}\".");
    }

    /// <summary>The text for a Notifier at another address.</summary>
    public string TextFor(Uri notifier) => Text.Replace(Notifier, notifier.ToString().TrimEnd('/'), StringComparison.Ordinal);

    private static IEnumerable<CodeBlock> Read(string page)
    {
        var (heading, paragraph) = ("", "");
        string? language = null;
        var code = new List<string>();
        foreach (var line in System.IO.File.ReadLines(Path.Combine(AppContext.BaseDirectory, "docs", page)))
        {
            if (language is not null)
            {
                if (line == "```")
                {
                    yield return new(heading, language, FileName().Matches(paragraph).LastOrDefault()?.Groups[1].Value ?? "", string.Concat(code.Select(static one => one + "\n")));
                    (language, paragraph) = (null, "");
                    code.Clear();
                }
                else
                    code.Add(line);
            }
            else if (line.StartsWith("```", StringComparison.Ordinal))
                language = line[3..];
            else if (line.StartsWith('#'))
                (heading, paragraph) = (line.TrimStart('#').Trim(), "");
            else if (line.Length > 0)
                paragraph = IsNewParagraph(paragraph) ? line : $"{paragraph}\n{line}";
            else
                paragraph += "\n\n";
        }
    }

    private static bool IsNewParagraph(string paragraph) => paragraph.EndsWith("\n\n", StringComparison.Ordinal);

    [GeneratedRegex(@"`([\w./-]+\.\w+)`")]
    private static partial Regex FileName();
}
