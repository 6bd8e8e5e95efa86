using System.Text;

namespace Notifier.Endpoints.Http;

/// <summary>
/// A script of the client without comments, indentation and empty lines, and with short names of private members, so that comments and good names cost visitors
/// nothing. Strings, template literals and regular expressions stay as they are, and so do line breaks between two tokens, which may end a statement. For this
/// repository's own scripts: a test compares the tokens.
/// </summary>
internal static class CompactScript
{
    /// <summary>After one of these, or at the start, a slash begins a regular expression; after anything else, it divides.</summary>
    private const string BeforeExpression = "(,=:[!&|?{};+-*%~^<>";

    private static readonly string[] WordsBeforeExpression = ["return", "typeof", "case", "of", "in", "await", "yield", "void", "delete", "throw", "else", "do"];

    public static string From(string script)
    {
        var compact = new StringBuilder(script.Length);
        // For each open template literal with an open ${…}: how many braces are open in that.
        var braces = new Stack<int>();
        var members = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var at = 0; at < script.Length;)
        {
            at = script[at] switch
            {
                '\n' or ' ' or '\t' or '\r' => EndOfSpace(script, at, compact),
                '/' when Follows(script, at, "//") => EndOf(script, "\n", at, includes: false),
                '/' when Follows(script, at, "/*") => EndOfBlockComment(script, at, compact),
                '/' when IsExpressionNext(compact) => Copy(script, at, EndOfRegularExpression(script, at), compact),
                '"' or '\'' => Copy(script, at, EndOfString(script, at), compact),
                '`' => Copy(script, at, EndOfTemplateText(script, at + 1, braces), compact),
                '#' => EndOfPrivateName(script, at, members, compact),
                '{' when braces.Count > 0 => Copy(script, at, Push(braces, braces.Pop() + 1, at + 1), compact),
                '}' when braces.Count > 0 => Copy(script, at, EndOfBrace(script, at + 1, braces), compact),
                _ => Copy(script, at, at + 1, compact),
            };
        }
        return compact.ToString();
    }

    private static int Copy(string script, int from, int to, StringBuilder compact)
    {
        compact.Append(script, from, to - from);
        return to;
    }

    private static int Push(Stack<int> braces, int open, int next)
    {
        braces.Push(open);
        return next;
    }

    /// <summary>White space with a line break in it becomes one line break. Other white space stays, except at the start of a line.</summary>
    private static int EndOfSpace(string script, int at, StringBuilder compact)
    {
        var end = at;
        while (end < script.Length && char.IsWhiteSpace(script[end]))
            end++;
        if (script.AsSpan(at, end - at).Contains('\n'))
            BreakLine(compact);
        else if (compact.Length > 0 && compact[^1] is not ('\n' or ' '))
            compact.Append(script, at, end - at);
        return end;
    }

    private static void BreakLine(StringBuilder compact)
    {
        while (compact.Length > 0 && compact[^1] is ' ' or '\t')
            compact.Length--;
        if (compact.Length > 0 && compact[^1] != '\n')
            compact.Append('\n');
    }

    /// <summary>A comment of several lines separates like a line break, another one like a space.</summary>
    private static int EndOfBlockComment(string script, int at, StringBuilder compact)
    {
        var end = EndOf(script, "*/", at + 2);
        if (script.AsSpan(at, end - at).Contains('\n'))
            BreakLine(compact);
        else if (compact.Length > 0 && compact[^1] is not ('\n' or ' '))
            compact.Append(' ');
        return end;
    }

    /// <summary>The members of all classes of the script share the short names: <c>#a</c> to <c>#z</c>, then <c>#a1</c> and so on.</summary>
    private static int EndOfPrivateName(string script, int at, Dictionary<string, string> members, StringBuilder compact)
    {
        var end = at + 1;
        while (end < script.Length && IsPartOfName(script[end]))
            end++;
        var name = script[at..end];
        if (!members.TryGetValue(name, out var brief))
            members[name] = brief = $"#{(char)('a' + (members.Count % 26))}{(members.Count < 26 ? "" : members.Count / 26)}";
        compact.Append(brief);
        return end;
    }

    private static int EndOfString(string script, int at)
    {
        var end = at + 1;
        while (end < script.Length && script[end] != script[at])
            end += script[end] == '\\' ? 2 : 1;
        return Math.Min(end + 1, script.Length);
    }

    /// <summary>The end of the text of a template literal: behind its last backtick, or behind a <c>${</c>.</summary>
    private static int EndOfTemplateText(string script, int at, Stack<int> braces)
    {
        while (at < script.Length && script[at] != '`')
        {
            if (Follows(script, at, "${"))
                return Push(braces, 0, at + 2);
            at += script[at] == '\\' ? 2 : 1;
        }
        return Math.Min(at + 1, script.Length);
    }

    /// <summary>A closing brace ends a <c>${…}</c> if no other is open in that: then the literal's text goes on.</summary>
    private static int EndOfBrace(string script, int next, Stack<int> braces) => braces.Pop() is var open && open == 0
        ? EndOfTemplateText(script, next, braces)
        : Push(braces, open - 1, next);

    private static int EndOfRegularExpression(string script, int at)
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

    private static bool IsExpressionNext(StringBuilder compact)
    {
        var before = compact.ToString(Math.Max(0, compact.Length - 32), Math.Min(32, compact.Length)).TrimEnd();
        return before.Length == 0
            || BeforeExpression.Contains(before[^1], StringComparison.Ordinal)
            || Array.Exists(WordsBeforeExpression, word => before.EndsWith(word, StringComparison.Ordinal) && !IsInWord(before, before.Length - word.Length - 1));
    }

    private static bool IsInWord(string text, int at) => at >= 0 && (IsPartOfName(text[at]) || text[at] is '.' or '#');

    private static bool IsPartOfName(char one) => char.IsAsciiLetterOrDigit(one) || one is '_' or '$';

    private static int EndOf(string script, string text, int from, bool includes = true) =>
        script.IndexOf(text, Math.Min(from, script.Length), StringComparison.Ordinal) is >= 0 and var found
            ? found + (includes ? text.Length : 0)
            : script.Length;

    private static bool Follows(string script, int at, string text) => string.CompareOrdinal(script, at, text, 0, text.Length) == 0;
}
