using System.Text;
using Notifier.Names;

namespace Notifier.Access;

/// <summary>
/// The names that a caller may subscribe to, or publish on. A pattern is allowed if the granted names together match every channel
/// that the pattern can match; that is proven (<see cref="Containment"/>). Immutable.
/// </summary>
/// <param name="names">The granted names.</param>
/// <param name="whenEmpty">The refusal's text if there are none: which key to set.</param>
internal sealed class Grant(IEnumerable<Name> names, string whenEmpty = "nothing is allowed")
{
    /// <summary>A refusal shows up to two names, and the reason in a close frame has at most 123 bytes.</summary>
    private const int ShownBytes = 44;

    private readonly HashSet<Name> names = [.. names];
    private readonly RedisPattern[] patterns = [.. names.Select(RedisPattern.From)];

    public static Grant Everything { get; } = new([Name.Pattern("*")]);

    public bool IsEmpty => names.Count == 0;

    /// <summary>The granted names, in the order in which they are configured.</summary>
    public IEnumerable<Name> Names => names;

    /// <summary>Null when the name is allowed.</summary>
    public NameRefusal? Check(Name requested)
    {
        if (names.Contains(requested))
            return null;
        if (IsEmpty)
            return NameRefusal.Forbidden(whenEmpty);
        if (requested.Kind == NameKind.Channel)
        {
            var channel = Encoding.UTF8.GetBytes(requested.Text);
            return Array.Exists(patterns, pattern => pattern.Matches(channel))
                ? null
                : NameRefusal.Forbidden($"not allowed: {Shown(requested.Text)}");
        }
        var containment = Containment.Prove(RedisPattern.Parse(requested.Text), patterns);
        if (containment.Holds)
            return null;
        return NameRefusal.Forbidden(containment.IsTooComplex
            ? $"not allowed: {Shown(requested.Text)} is too complex to compare with the grant; use a simpler one"
            : $"not allowed: {Shown(requested.Text)} also matches {Shown(ReadableText.From(containment.CounterExample))}");
    }

    private static string Shown(string text) => ReadableText.Shorten(text, ShownBytes);
}
