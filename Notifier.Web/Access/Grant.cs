using System.Text;
using Notifier.Names;

namespace Notifier.Access;

/// <summary>
/// What a visitor may have: channels, and all that some patterns match. A pattern is allowed when the grant matches every
/// channel that it can match, which is proven (<see cref="Containment"/>). Immutable.
/// </summary>
/// <param name="names">What is allowed.</param>
/// <param name="whenEmpty">What a visitor is told where nothing is: which key to set.</param>
internal sealed class Grant(IEnumerable<Name> names, string whenEmpty = "nothing is allowed")
{
    /// <summary>Of the 123 bytes that the reason of a close has room for.</summary>
    private const int ShownBytes = 44;

    private readonly HashSet<Name> names = [.. names];
    private readonly RedisPattern[] patterns = [.. names.Select(RedisPattern.From)];

    public static Grant Everything { get; } = new([Name.Pattern("*")]);

    public bool IsEmpty => names.Count == 0;

    /// <summary>Null when the name is allowed.</summary>
    public NameRefusal? Check(Name asked)
    {
        if (names.Contains(asked))
            return null;
        if (IsEmpty)
            return NameRefusal.Forbidden(whenEmpty);
        if (asked.Kind == NameKind.Channel)
        {
            var channel = Encoding.UTF8.GetBytes(asked.Text);
            return Array.Exists(patterns, pattern => pattern.Matches(channel))
                ? null
                : NameRefusal.Forbidden($"not allowed: {Shown(asked.Text)}");
        }
        var containment = Containment.Prove(RedisPattern.Parse(asked.Text), patterns);
        if (containment.Holds)
            return null;
        return NameRefusal.Forbidden(containment.IsTooComplex
            ? $"not allowed: {Shown(asked.Text)} is too complex to be compared with what is allowed; ask for less"
            : $"not allowed: {Shown(asked.Text)} also covers {Shown(ReadableText.From(containment.CounterExample))}");
    }

    private static string Shown(string text) => ReadableText.Shorten(text, ShownBytes);
}
