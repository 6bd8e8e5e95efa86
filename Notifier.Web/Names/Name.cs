namespace Notifier.Names;

/// <summary>How a <see cref="Name"/> is matched.</summary>
public enum NameKind
{
    /// <summary>Byte for byte (Redis SUBSCRIBE).</summary>
    Channel,

    /// <summary>As a Redis glob (Redis PSUBSCRIBE).</summary>
    Pattern,
}

/// <summary>What a client asks for: a channel, or a pattern of channels.</summary>
internal readonly record struct Name(NameKind Kind, string Text)
{
    /// <summary>What makes a name a pattern where nothing else says so. See Redis' <c>stringmatchlen</c>.</summary>
    private const string GlobCharacters = @"*?[\";

    public static Name Channel(string text) => new(NameKind.Channel, text);

    public static Name Pattern(string text) => new(NameKind.Pattern, text);

    /// <summary>
    /// Tells channel from pattern by the characters, for the plain-text protocol and for configuration, where a name is
    /// a bare string. Everything else says explicitly which of the two it means.
    /// </summary>
    public static Name Parse(string text) => text.AsSpan().ContainsAny(GlobCharacters) ? Pattern(text) : Channel(text);

    public override string ToString() => Text;
}
