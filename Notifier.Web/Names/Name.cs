namespace Notifier.Names;

/// <summary>How a <see cref="Name"/> is matched.</summary>
public enum NameKind
{
    /// <summary>Byte for byte (Redis SUBSCRIBE).</summary>
    Channel,

    /// <summary>As a Redis glob (Redis PSUBSCRIBE).</summary>
    Pattern,
}

/// <summary>What a client subscribes to: a channel, or a pattern that matches channels.</summary>
internal readonly record struct Name(NameKind Kind, string Text)
{
    /// <summary>The characters that make a bare name a pattern. See Redis' <c>stringmatchlen</c>.</summary>
    private const string GlobCharacters = @"*?[\";

    public static Name Channel(string text) => new(NameKind.Channel, text);

    public static Name Pattern(string text) => new(NameKind.Pattern, text);

    /// <summary>
    /// Distinguishes channels and patterns by their characters, for the plain-text protocol and the configuration, where a name is
    /// a bare string. Everywhere else the kind is explicit.
    /// </summary>
    public static Name Parse(string text) => text.AsSpan().ContainsAny(GlobCharacters) ? Pattern(text) : Channel(text);

    public override string ToString() => Text;
}
