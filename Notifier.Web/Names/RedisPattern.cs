using System.Text;

namespace Notifier.Names;

/// <summary>
/// A Redis glob, matched by bytes exactly as Redis does (<c>stringmatchlen</c> in its util.c), including unclosed brackets, but without
/// recursion: the time is at most the pattern's length times the channel's. Immutable.
/// </summary>
/// <remarks>
/// Redis compares the ends of a range as <c>char</c>, which is signed on x86 and unsigned on ARM. So a range that ends beyond ASCII
/// (<c>[a-é]</c>, compared by bytes) depends on the machine of the Redis. Notifier compares as on x86.
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

    /// <summary>One token of a pattern: a star, or one byte out of a set.</summary>
    internal readonly record struct PatternToken(ByteSet Accepts, bool IsStar = false)
    {
        public static PatternToken Star => new(ByteSet.All, IsStar: true);
    }

    /// <summary>The bytes before the first wildcard: every matching channel begins with them.</summary>
    public ReadOnlySpan<byte> LiteralPrefix => prefix;

    /// <summary>
    /// Whether the pattern can match no channel, for example because it contains <c>[]</c>. (The empty pattern matches only the empty
    /// channel, which is not a valid name.)
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

    /// <summary>A channel becomes a pattern that matches only this channel.</summary>
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

    /// <summary>All tokens, including those of the prefix.</summary>
    public PatternToken[] Tokens()
    {
        var tokens = new PatternToken[prefix.Length + rest.Length];
        for (var i = 0; i < prefix.Length; i++)
            tokens[i] = new PatternToken(ByteSet.From(prefix[i]));
        rest.CopyTo(tokens, prefix.Length);
        return tokens;
    }

    /// <summary>
    /// Each star matches as few bytes as possible. When a later token fails, the last star matches one byte more. Earlier stars need no
    /// retry, because the last one can match whatever they would.
    /// </summary>
    private bool RestMatches(ReadOnlySpan<byte> text)
    {
        int token = 0, at = 0;
        int lastStar = -1, starEnd = 0;
        while (at < text.Length)
        {
            if (token < rest.Length && rest[token].IsStar)
            {
                lastStar = token++;
                starEnd = at;
            }
            else if (token < rest.Length && rest[token].Accepts.Contains(text[at]))
            {
                token++;
                at++;
            }
            else if (lastStar >= 0)
            {
                token = lastStar + 1;
                at = ++starEnd;
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
