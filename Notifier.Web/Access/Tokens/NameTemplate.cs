using System.Text;
using System.Text.RegularExpressions;
using Notifier.Names;

namespace Notifier.Access.Tokens;

/// <summary>
/// A name with placeholders for a token's claims, such as <c>user.{sub}.*</c>. A claim's value is never a wildcard: whether the name is a
/// channel or a pattern is decided without the value, and in a pattern the value is escaped. Immutable.
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

    /// <returns>Null if the text is not a template; <paramref name="error"/> says why.</returns>
    public static NameTemplate? Parse(string text, NameRules rules, out string error)
    {
        var template = new NameTemplate(text);
        error = "";
        if (Claim.Replace(text, "").AsSpan().ContainsAny('{', '}'))
            error = "write a claim as {sub}";
        else if (template.Fill(static _ => "x", rules) is null)
            error = rules.Check(new Name(template.kind, Claim.Replace(text, "x")))!.Message;
        return error.Length == 0 ? template : null;
    }

    /// <param name="claim">Gets the value of a claim; null if the token lacks it.</param>
    /// <param name="rules">The resulting name must satisfy them.</param>
    /// <returns>Null if a claim is missing or empty, or if the result is not a valid name.</returns>
    public Name? Fill(Func<string, string?> claim, NameRules rules)
    {
        var isComplete = true;
        var filled = Claim.Replace(text, match =>
        {
            var value = claim(match.Groups[1].Value) ?? "";
            isComplete &= value.Length > 0;
            return kind == NameKind.Pattern ? Escape(value) : value;
        });
        var name = new Name(kind, filled);
        return isComplete && rules.Check(name) is null ? name : null;
    }

    /// <summary>Escapes also the characters that are special only within brackets, because the placeholder may be within some.</summary>
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
