namespace Notifier.Names;

/// <summary>Whether patterns together match all that another one matches.</summary>
/// <param name="Holds">They do; proven, not sampled.</param>
/// <param name="CounterExample">A channel that the one matches and none of them does.</param>
internal readonly record struct Containment(bool Holds, byte[]? CounterExample)
{
    /// <summary>Neither proven nor disproven within the bounds of <see cref="ContainmentSearch"/>.</summary>
    public bool IsTooComplex => !Holds && CounterExample is null;

    /// <param name="asked">The one.</param>
    /// <param name="granted">Those that are to match all of it; a channel is a pattern of one.</param>
    public static Containment Prove(RedisPattern asked, IEnumerable<RedisPattern> granted)
    {
        if (asked.MatchesNothing)
            return new(Holds: true, null);
        // Those that begin otherwise have no channel in common with it.
        RedisPattern[] relevant = [.. granted.Where(pattern => BeginAlike(pattern.LiteralPrefix, asked.LiteralPrefix))];
        var tokens = asked.Tokens();
        // A word that a reader knows is the better counter-example, and most refusals need no search.
        var sample = Sample(tokens);
        if (!Array.Exists(relevant, pattern => pattern.Matches(sample)))
            return new(Holds: false, sample);
        return Array.Exists(relevant, pattern => Covers(pattern.Tokens(), tokens))
            ? new(Holds: true, null)
            : new ContainmentSearch(tokens, relevant).Run();
    }

    private static bool BeginAlike(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other) =>
        one.Length <= other.Length ? other.StartsWith(one) : one.StartsWith(other);

    /// <summary>
    /// Whether the granted pattern alone contains the asked one place by place: a star may stand for any of its places, and every other
    /// place for one that accepts no more. That is enough for nearly all that is allowed, and never takes long.
    /// </summary>
    private static bool Covers(RedisPattern.PatternToken[] granted, RedisPattern.PatternToken[] asked)
    {
        // For each number of places at the end of the asked one: whether those at the end of the granted one cover them.
        var covered = new bool[asked.Length + 1];
        covered[0] = true;
        for (var token = granted.Length - 1; token >= 0; token--)
        {
            var before = covered[0];
            covered[0] = before && granted[token].IsStar;
            for (var count = 1; count <= asked.Length; count++)
            {
                var first = asked[^count];
                var now = granted[token].IsStar
                    ? covered[count] || covered[count - 1]
                    : before && !first.IsStar && first.Accepts.IsWithin(granted[token].Accepts);
                before = covered[count];
                covered[count] = now;
            }
        }
        return covered[asked.Length];
    }

    private static byte[] Sample(RedisPattern.PatternToken[] tokens)
    {
        var sample = new List<byte>();
        foreach (var token in tokens)
        {
            if (token.IsStar)
                sample.AddRange("other"u8);
            else
                sample.Add(ByteClasses.MaxReadable(token.Accepts));
        }
        return [.. sample];
    }
}
