namespace Notifier.Names;

/// <summary>Whether the granted patterns together match every channel that a requested pattern matches.</summary>
/// <param name="Holds">They do. This is proven, not sampled.</param>
/// <param name="CounterExample">A channel that the requested pattern matches, and none of the granted ones.</param>
internal readonly record struct Containment(bool Holds, byte[]? CounterExample)
{
    /// <summary>Neither proven nor disproven within the bounds of <see cref="ContainmentSearch"/>.</summary>
    public bool IsTooComplex => !Holds && CounterExample is null;

    /// <param name="requested">The requested pattern.</param>
    /// <param name="granted">The granted patterns; a granted channel is a pattern that matches one channel.</param>
    public static Containment Prove(RedisPattern requested, IEnumerable<RedisPattern> granted)
    {
        if (requested.MatchesNothing)
            return new(Holds: true, null);
        // Patterns with a different prefix match no channel that the requested one matches.
        RedisPattern[] relevant = [.. granted.Where(pattern => PrefixesAgree(pattern.LiteralPrefix, requested.LiteralPrefix))];
        var tokens = requested.Tokens();
        // Most refusals need no search, and a readable word is a better counter-example than one that a search finds.
        var sample = Sample(tokens);
        if (!Array.Exists(relevant, pattern => pattern.Matches(sample)))
            return new(Holds: false, sample);
        return Array.Exists(relevant, pattern => Covers(pattern.Tokens(), tokens))
            ? new(Holds: true, null)
            : new ContainmentSearch(tokens, relevant).Run();
    }

    private static bool PrefixesAgree(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other) =>
        one.Length <= other.Length ? other.StartsWith(one) : one.StartsWith(other);

    /// <summary>
    /// Whether the granted pattern alone covers the requested one, token by token: a star covers any number of tokens, and every other token
    /// covers one that accepts no other bytes. That proves nearly all allowed requests, in time proportional to the product of the lengths.
    /// </summary>
    private static bool Covers(RedisPattern.PatternToken[] granted, RedisPattern.PatternToken[] requested)
    {
        // covered[n]: the last n requested tokens are covered by the granted tokens visited so far.
        var covered = new bool[requested.Length + 1];
        covered[0] = true;
        for (var token = granted.Length - 1; token >= 0; token--)
        {
            var before = covered[0];
            covered[0] = before && granted[token].IsStar;
            for (var count = 1; count <= requested.Length; count++)
            {
                var first = requested[^count];
                var isCovered = granted[token].IsStar
                    ? covered[count] || covered[count - 1]
                    : before && !first.IsStar && first.Accepts.IsWithin(granted[token].Accepts);
                before = covered[count];
                covered[count] = isCovered;
            }
        }
        return covered[requested.Length];
    }

    private static byte[] Sample(RedisPattern.PatternToken[] tokens)
    {
        var sample = new List<byte>();
        foreach (var token in tokens)
        {
            if (token.IsStar)
                sample.AddRange("other"u8);
            else
                sample.Add(ByteClasses.MostReadable(token.Accepts));
        }
        return [.. sample];
    }
}
