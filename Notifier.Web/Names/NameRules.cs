using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Names;

/// <summary>Decides whether a name is valid, for all callers alike. Thread-safe.</summary>
internal sealed class NameRules(IOptions<LimitsOptions> options)
{
    /// <summary>Not read in the constructor, because it throws if the limits are invalid, and options that use these rules should report their own errors too.</summary>
    private LimitsOptions Limits => options.Value;

    /// <summary>Null if the name is valid.</summary>
    public NameRefusal? Check(Name name)
    {
        var what = name.Kind == NameKind.Channel ? "channel" : "pattern";
        var max = name.Kind == NameKind.Channel ? Limits.NameBytes : Limits.PatternBytes;
        if (name.Text.Length == 0)
            return NameRefusal.Malformed($"the {what} is empty; send a name such as new-users or notifications.*");
        if (Encoding.UTF8.GetByteCount(name.Text) is var bytes && bytes > max)
            return NameRefusal.Malformed($"the {what} has {bytes} bytes; {max} are allowed");
        if (name.Text.Any(IsControl))
            return NameRefusal.Malformed($"the {what} has control characters in it");
        if (HasLoneSurrogate(name.Text))
            return NameRefusal.Malformed($"the {what} is not valid Unicode");
        if (name.Kind == NameKind.Pattern && Stars(name.Text) is var stars && stars > Limits.PatternStars)
            return NameRefusal.Malformed($"the pattern has {stars} stars; {Limits.PatternStars} are allowed");
        var pattern = RedisPattern.From(name);
        if (pattern.MatchesNothing)
            return NameRefusal.Malformed("the pattern can match no channel: a [ needs characters and a ] behind it");
        if (IsReserved(pattern.LiteralPrefix))     // so every channel that it matches is reserved
            return NameRefusal.Forbidden($"the {what} is reserved: names that begin with __ or notifier: never reach a browser");
        return null;
    }

    /// <summary>
    /// Names are logged, so they must not start a new line or control the terminal. Some viewers also break lines at U+2028 and U+2029.
    /// </summary>
    private static bool IsControl(char c) => char.IsControl(c) || c is '\u2028' or '\u2029';

    /// <summary>UTF-8 encoding would replace a lone surrogate by U+FFFD, which is a different name.</summary>
    private static bool HasLoneSurrogate(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                return true;
            i++;
        }
        return false;
    }

    /// <summary>
    /// Whether a channel belongs to Redis (keyspace events, Sentinel), to a Redis library, or to Notifier itself.
    /// </summary>
    public static bool IsReserved(ReadOnlySpan<byte> channel) => channel.StartsWith("__"u8) || channel.StartsWith("notifier:"u8);

    /// <summary>Counts stars in brackets and after a backslash too, which are not wildcards: an exact count is not worth the code.</summary>
    private static int Stars(string pattern) => pattern.Count(c => c == '*');
}
