using System.Text;

namespace Notifier.Names;

/// <summary>
/// A Redis glob, matched by bytes as Redis itself does (<c>stringmatchlen</c> in its util.c), unclosed brackets and all, but
/// without its recursion: the time is at most the pattern's length times the channel's. Immutable.
/// </summary>
/// <remarks>
/// Redis compares the ends of a range as <c>char</c>, which is signed on x86 and unsigned on ARM. So a range from ASCII to
/// beyond it (<c>[a-é]</c>, which are no characters but bytes) depends on Redis' machine; here it is as on x86.
/// </remarks>
internal sealed class RedisPattern
{
    private readonly byte[] prefix;
    private readonly PatternToken[] rest;

    private RedisPattern(byte[] prefix, PatternToken[] rest)
    {
        this.prefix = prefix;
        this.rest = rest;
        MatchesNothing = Array.Exists(rest, token => token is { IsStar: false, Accepts.IsEmpty: true })
            || (prefix.Length == 0 && rest.Length == 0);
    }

    /// <summary>One place of a pattern: a star, or one byte out of a set.</summary>
    internal readonly record struct PatternToken(ByteSet Accepts, bool IsStar = false)
    {
        public static PatternToken Star => new(ByteSet.All, IsStar: true);
    }

    /// <summary>What every channel that the pattern matches begins with: all that comes before the first wildcard.</summary>
    public ReadOnlySpan<byte> LiteralPrefix => prefix;

    /// <summary>
    /// True when no channel can match it, for example because of <c>[]</c> in it. (The empty pattern matches the empty channel,
    /// which is none that anybody could ask for.)
    /// </summary>
    public bool MatchesNothing { get; }

    public static RedisPattern Parse(string glob) => Parse(Encoding.UTF8.GetBytes(glob));

    public static RedisPattern Parse(ReadOnlySpan<byte> glob)
    {
        var tokens = new List<PatternToken>(glob.Length);
        for (var i = 0; i < glob.Length;)
        {
            var token = GlobParser.Read(glob, ref i);
            if (!token.IsStar || tokens is not [.., { IsStar: true }])     // a run of stars is one
                tokens.Add(token);
        }
        return From(tokens);
    }

    /// <summary>A channel as the pattern that matches it alone; a pattern as it is.</summary>
    public static RedisPattern From(Name name) => name.Kind == NameKind.Pattern
        ? Parse(name.Text)
        : new RedisPattern(Encoding.UTF8.GetBytes(name.Text), []);

    public bool Matches(ReadOnlySpan<byte> channel)
    {
        if (!channel.StartsWith(prefix))
            return false;
        if (channel.Length == 0)
            return rest.Length == 0;    // no star matches the empty channel in Redis
        return RestMatches(channel[prefix.Length..]);
    }

    /// <summary>All places, those of the beginning too.</summary>
    public PatternToken[] Tokens()
    {
        var tokens = new PatternToken[prefix.Length + rest.Length];
        for (var i = 0; i < prefix.Length; i++)
            tokens[i] = new PatternToken(ByteSet.From(prefix[i]));
        rest.CopyTo(tokens, prefix.Length);
        return tokens;
    }

    /// <summary>
    /// Each star takes as little as it can. When a later place fails, the last star takes one byte more: earlier ones need not
    /// be tried again, for the last one could have taken whatever they would.
    /// </summary>
    private bool RestMatches(ReadOnlySpan<byte> text)
    {
        int token = 0, at = 0;
        int lastStar = -1, takenUpTo = 0;
        while (at < text.Length)
        {
            if (token < rest.Length && rest[token].IsStar)
            {
                lastStar = token++;
                takenUpTo = at;
            }
            else if (token < rest.Length && rest[token].Accepts.Contains(text[at]))
            {
                token++;
                at++;
            }
            else if (lastStar >= 0)
            {
                token = lastStar + 1;
                at = ++takenUpTo;
            }
            else
                return false;
        }
        return token == rest.Length || (token == rest.Length - 1 && rest[token].IsStar);
    }

    private static RedisPattern From(List<PatternToken> tokens)
    {
        var literals = new List<byte>();
        foreach (var token in tokens)
        {
            if (token.IsStar || !token.Accepts.IsSingle(out var only))
                break;
            literals.Add(only);
        }
        return new RedisPattern([.. literals], [.. tokens.Skip(literals.Count)]);
    }
}
