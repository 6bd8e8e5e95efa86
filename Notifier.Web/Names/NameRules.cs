using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Names;

/// <summary>What a name may look like, whoever asks for it.</summary>
internal sealed class NameRules(IOptions<LimitsOptions> options)
{
    /// <summary>Not before it is needed: when they are wrong, the rules can be made, and who needs them is checked too.</summary>
    private LimitsOptions Limits => options.Value;

    /// <summary>Null when the name may be asked for.</summary>
    public NameRefusal? Check(Name name)
    {
        var what = name.Kind == NameKind.Channel ? "channel" : "pattern";
        var most = name.Kind == NameKind.Channel ? Limits.NameBytes : Limits.PatternBytes;
        if (name.Text.Length == 0)
            return NameRefusal.Malformed($"the {what} is empty; send a name such as new-users or notifications.*");
        if (Encoding.UTF8.GetByteCount(name.Text) is var bytes && bytes > most)
            return NameRefusal.Malformed($"the {what} has {bytes} bytes; {most} are allowed");
        if (name.Text.Any(IsControl))
            return NameRefusal.Malformed($"the {what} has control characters in it");
        if (HasLoneSurrogate(name.Text))
            return NameRefusal.Malformed($"the {what} is not valid Unicode");
        if (name.Kind == NameKind.Pattern && Stars(name.Text) is var stars && stars > Limits.PatternStars)
            return NameRefusal.Malformed($"the pattern has {stars} stars; {Limits.PatternStars} are allowed");
        var pattern = RedisPattern.From(name);
        if (pattern.MatchesNothing)
            return NameRefusal.Malformed("the pattern can match no channel: a [ needs characters and a ] behind it");
        if (IsReserved(pattern.LiteralPrefix))     // then all that it can match is
            return NameRefusal.Forbidden($"the {what} is reserved: names that begin with __ or notifier: never reach a browser");
        return null;
    }

    /// <summary>
    /// Names are logged: none may begin a line there, nor steer the terminal it is read in. Some viewers break lines at U+2028 and
    /// U+2029 too.
    /// </summary>
    private static bool IsControl(char c) => char.IsControl(c) || c is '\u2028' or '\u2029';

    /// <summary>One would be sent to Redis as U+FFFD: another name than was asked for.</summary>
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
    /// Whether a channel belongs to Redis (keyspace events, Sentinel, its libraries' housekeeping) or to Notifier itself.
    /// </summary>
    public static bool IsReserved(ReadOnlySpan<byte> channel) => channel.StartsWith("__"u8) || channel.StartsWith("notifier:"u8);

    /// <summary>A star in brackets or after a backslash is no wildcard, but it is not worth telling them apart.</summary>
    private static int Stars(string pattern) => pattern.Count(c => c == '*');
}
