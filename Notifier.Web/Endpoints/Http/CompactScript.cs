using System.Text;

namespace Notifier.Endpoints.Http;

/// <summary>
/// A script of the client without comments and white space that only readers need, and with <see cref="ShortNames"/>, so that comments and good names cost
/// visitors nothing. Strings, template literals and regular expressions stay as they are, and so do line breaks that may end a statement. For this repository's
/// own scripts: a test compares the tokens and the syntax tree.
/// </summary>
internal sealed class CompactScript
{
    /// <summary>After one of these, or at the start, a slash begins a regular expression; after anything else, it divides.</summary>
    private const string BeforeExpression = "(,=:[!&|?{};+-*%~^<>";

    /// <summary>After one of these, a line break ends no statement.</summary>
    private const string NoEndAfter = "{([,;";

    /// <summary>Before one of these, a line break ends no statement that does not end there anyway.</summary>
    private const string NoEndBefore = "})]";

    private static readonly string[] WordsBeforeExpression = ["return", "typeof", "case", "of", "in", "await", "yield", "void", "delete", "throw", "else", "do"];
    private static readonly string[] WordsBeforeBlock = ["else", "try", "finally", "do", "catch"];

    private readonly string script;
    private readonly StringBuilder compact;
    private readonly Stack<Bracket> open = new();
    private readonly ShortNames names = new();

    private CompactScript(string script) => (this.script, compact) = (script, new StringBuilder(script.Length));

    /// <summary>What is open where a token stands. <see cref="Template"/> is a <c>${</c>.</summary>
    private enum Bracket
    {
        Other, Template, Block, Object, Class
    }

    /// <summary>What a name is where it stands: only variables have short names.</summary>
    private enum Use
    {
        Variable, Property, Both
    }

    public static string From(string script)
    {
        var from = new CompactScript(script);
        for (var at = 0; at < script.Length;)
            at = from.CopyToken(at);
        return from.compact.ToString();
    }

    /// <returns>Where the next one begins.</returns>
    private int CopyToken(int at) => script[at] switch
    {
        _ when EndOfSpace(at) is var end && end > at => Separate(at, end),
        '/' when IsExpressionNext() => Copy(at, EndOfRegularExpression(at)),
        '"' or '\'' => Copy(at, EndOfString(at)),
        '`' => Copy(at, EndOfTemplateText(at + 1)),
        '#' => CopyName(at, EndOfName(at + 1)),
        >= '0' and <= '9' => Copy(at, EndOfName(at)),
        var one when IsPartOfName(one) => CopyName(at, EndOfName(at)),
        '(' or '[' => Open(Bracket.Other, at),
        '{' => Open(BraceAfter(), at),
        ')' or ']' or '}' => open.TryPop(out var bracket) && bracket == Bracket.Template ? Copy(at, EndOfTemplateText(at + 1)) : Copy(at, at + 1),
        _ => Copy(at, at + 1),
    };

    private int Copy(int from, int to)
    {
        compact.Append(script, from, to - from);
        return to;
    }

    private int Open(Bracket bracket, int at)
    {
        open.Push(bracket);
        return Copy(at, at + 1);
    }

    /// <summary>What a brace after the tokens so far begins.</summary>
    private Bracket BraceAfter()
    {
        var word = LastWord();
        return word.Length > 0
            ? WordsBeforeBlock.Contains(word) ? Bracket.Block : ShortNames.IsKeyword(word) && word is not "class" ? Bracket.Object : Bracket.Class
            : Last() is ')' or ';' or '{' or '}' or '\0' || EndsWith("=>") ? Bracket.Block : Bracket.Object;
    }

    private int CopyName(int from, int to)
    {
        var name = script[from..to];
        var use = name[0] == '#' ? Use.Variable : UseOf(to);
        if (use == Use.Both && names.Of(name) != name)
            compact.Append(name).Append(':');
        compact.Append(use == Use.Property ? name : names.Of(name));
        return to;
    }

    /// <param name="to">The end of the name, which is not copied yet.</param>
    private Use UseOf(int to)
    {
        if (Last() == '.' && !EndsWith("..."))
            return Use.Property;
        var isFirst = Last() is '{' or '}' or ',' or ';' or '\0';
        var next = EndOfSpace(to) is var end && end < script.Length ? script[end] : '\0';
        return open.TryPeek(out var bracket) ? bracket switch
        {
            Bracket.Class when isFirst || LastWord() is "static" or "get" or "set" or "async" => Use.Property,
            Bracket.Object when isFirst => next is ':' or '(' ? Use.Property : Use.Both,
            _ => Use.Variable,
        } : Use.Variable;
    }

    /// <summary>The end of white space and comments.</summary>
    private int EndOfSpace(int at)
    {
        while (at < script.Length)
        {
            if (Follows(at, "//"))
                at = EndOf("\n", at, includes: false);
            else if (Follows(at, "/*"))
                at = EndOf("*/", at + 2);
            else if (char.IsWhiteSpace(script[at]))
                at++;
            else
                break;
        }
        return at;
    }

    /// <summary>In place of white space and comments: a line break, a space, or nothing.</summary>
    private int Separate(int from, int to)
    {
        if (compact.Length == 0 || to == script.Length)
            return to;
        var (before, after) = (compact[^1], script[to]);
        if (!script.AsSpan(from, to - from).Contains('\n'))
            return IsSpaceNeeded(before, after) ? Append(' ') : to;
        return NoEndAfter.Contains(before, StringComparison.Ordinal) || NoEndBefore.Contains(after, StringComparison.Ordinal) ? to : Append('\n');

        int Append(char separator)
        {
            compact.Append(separator);
            return to;
        }
    }

    /// <summary>Without a space, two words would be one, <c>+ +</c> an increment, two slashes a comment, and <c>1 .a</c> a number that ends there.</summary>
    private static bool IsSpaceNeeded(char before, char after) =>
        (IsWord(before) && IsWord(after)) || (before is '+' or '-' && after is '+' or '-') || before == '/' || after == '/' || (char.IsAsciiDigit(before) && after == '.') || (before == '<' && after == '!');

    private static bool IsWord(char one) => IsPartOfName(one) || one is '#' or '\\' or > '\x7f';

    private int EndOfName(int at)
    {
        while (at < script.Length && IsPartOfName(script[at]))
            at++;
        return at;
    }

    private int EndOfString(int at)
    {
        var end = at + 1;
        while (end < script.Length && script[end] != script[at])
            end += script[end] == '\\' ? 2 : 1;
        return Math.Min(end + 1, script.Length);
    }

    /// <summary>The end of the text of a template literal: behind its last backtick, or behind a <c>${</c>.</summary>
    private int EndOfTemplateText(int at)
    {
        while (at < script.Length && script[at] != '`')
        {
            if (Follows(at, "${"))
            {
                open.Push(Bracket.Template);
                return at + 2;
            }
            at += script[at] == '\\' ? 2 : 1;
        }
        return Math.Min(at + 1, script.Length);
    }

    private int EndOfRegularExpression(int at)
    {
        var isInClass = false;
        for (at++; at < script.Length && (isInClass || script[at] != '/'); at++)
        {
            if (script[at] == '\\')
                at++;
            else if (script[at] is '[' or ']')
                isInClass = script[at] == '[';
        }
        return Math.Min(at + 1, script.Length);
    }

    private bool IsExpressionNext() =>
        Last() is var last && (last == '\0' || BeforeExpression.Contains(last, StringComparison.Ordinal) || WordsBeforeExpression.Contains(LastWord()));

    /// <summary>The last character before the place that is not white space.</summary>
    private char Last() => EndOfLast() is var end && end > 0 ? compact[end - 1] : '\0';

    /// <summary>The word before the place, or nothing. A property is no word.</summary>
    private string LastWord()
    {
        var end = EndOfLast();
        var start = end;
        while (start > 0 && IsPartOfName(compact[start - 1]))
            start--;
        return start > 0 && compact[start - 1] is '.' or '#' ? "" : compact.ToString(start, end - start);
    }

    private bool EndsWith(string text) => EndOfLast() is var end && end >= text.Length && compact.ToString(end - text.Length, text.Length) == text;

    private int EndOfLast()
    {
        var end = compact.Length;
        while (end > 0 && compact[end - 1] is ' ' or '\n')
            end--;
        return end;
    }

    private static bool IsPartOfName(char one) => char.IsAsciiLetterOrDigit(one) || one is '_' or '$';

    private int EndOf(string text, int from, bool includes = true) =>
        script.IndexOf(text, Math.Min(from, script.Length), StringComparison.Ordinal) is >= 0 and var found
            ? found + (includes ? text.Length : 0)
            : script.Length;

    private bool Follows(int at, string text) => string.CompareOrdinal(script, at, text, 0, text.Length) == 0;
}
