using System.Text;
using System.Text.RegularExpressions;
using Notifier.Names;

namespace Notifier.Access.Tokens;

/// <summary>
/// A name with claims of a token in it, such as <c>user.{sub}.*</c>. What a claim says is never a wildcard: whether the name is a
/// channel or a pattern is settled before it is put in, and in a pattern it is escaped. Immutable.
/// </summary>
internal sealed partial class NameTemplate
{
    private readonly NameKind kind;
    private readonly string text;

    private NameTemplate(string text)
    {
        this.text = text;
        kind = Name.Parse(Claim.Replace(text, "")).Kind;
    }

    [GeneratedRegex(@"\{([A-Za-z0-9_:./-]+)\}")]
    private static partial Regex Claim { get; }

    /// <returns>Null when it is none, with what is wrong.</returns>
    public static NameTemplate? Parse(string text, NameRules rules, out string error)
    {
        var template = new NameTemplate(text);
        error = "";
        if (Claim.Replace(text, "").AsSpan().ContainsAny('{', '}'))
            error = "a claim is written as {sub}";
        else if (template.Fill(static _ => "x", rules) is null)
            error = rules.Check(new Name(template.kind, Claim.Replace(text, "x")))!.Message;
        return error.Length == 0 ? template : null;
    }

    /// <param name="claim">What the token says under a name; null where it says nothing.</param>
    /// <param name="rules">A name that nobody could ask for is not granted either.</param>
    /// <returns>Null when a claim is missing or empty, or makes no name.</returns>
    public Name? Fill(Func<string, string?> claim, NameRules rules)
    {
        var isWhole = true;
        var filled = Claim.Replace(text, match =>
        {
            var value = claim(match.Groups[1].Value) ?? "";
            isWhole &= value.Length > 0;
            return kind == NameKind.Pattern ? Escape(value) : value;
        });
        var name = new Name(kind, filled);
        return isWhole && rules.Check(name) is null ? name : null;
    }

    /// <summary>Also what means something within brackets only: the claim may stand in some.</summary>
    private static string Escape(string value)
    {
        var escaped = new StringBuilder(value.Length);
        foreach (var c in value)
        {
            if (c is '*' or '?' or '[' or ']' or '\\' or '^' or '-')
                escaped.Append('\\');
            escaped.Append(c);
        }
        return escaped.ToString();
    }
}
