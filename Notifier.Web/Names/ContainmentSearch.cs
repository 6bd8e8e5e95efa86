namespace Notifier.Names;

/// <summary>
/// Looks for the shortest channel that the asked pattern matches and none of the granted ones does: breadth first over pairs of a
/// position in the asked pattern and the set of positions in the granted ones that the bytes so far have led to.
/// </summary>
/// <remarks>
/// Making deterministic automata of patterns explodes. Here a pair is left out when one at the same position with fewer
/// granted positions was seen: whatever gets away from the grants from there gets away from fewer of them too. With ordinary
/// grants some hundred pairs are left; where more than the bound are, a hostile pair was constructed, and that is the answer.
/// </remarks>
internal sealed class ContainmentSearch
{
    private const int MaxPairs = 2_000;

    /// <summary>Steps over a word of 64 positions: a few milliseconds.</summary>
    private const int MaxWork = 1_000_000;

    private readonly RedisPattern.PatternToken[] asked;
    private readonly byte[] alphabet;

    // Positions of all granted patterns in a row; the last one of each is behind its last place.
    private readonly int words;
    private readonly ulong[] start;
    private readonly ulong[] ends;
    private readonly ulong[] stars;
    private readonly ulong[][] accepting;      // for each letter of the alphabet: the places that take it and are no stars

    private readonly List<ulong[]>[] seen;
    private readonly Queue<Pair> open = new();
    private int pairs;
    private int work;
    private Pair? found;

    public ContainmentSearch(RedisPattern.PatternToken[] asked, RedisPattern[] granted)
    {
        this.asked = asked;
        RedisPattern.PatternToken[][] patterns = [.. granted.Select(pattern => pattern.Tokens())];
        alphabet = ByteClasses.Representatives(patterns.Append(asked).SelectMany(tokens => tokens).Select(token => token.Accepts));
        words = (patterns.Sum(tokens => tokens.Length + 1) + 63) / 64;
        (start, ends, stars) = (new ulong[words], new ulong[words], new ulong[words]);
        accepting = [.. alphabet.Select(_ => new ulong[words])];
        seen = [.. Enumerable.Range(0, asked.Length + 1).Select(_ => new List<ulong[]>())];
        var first = 0;
        foreach (var tokens in patterns)
        {
            AddTokens(tokens, first);
            first += tokens.Length + 1;
        }
        PassStars(start);
    }

    /// <summary>A step on the way to a channel; <c>Before</c> leads back to its first byte.</summary>
    private sealed record Pair(int At, ulong[] Granted, Pair? Before, byte Letter);

    public Containment Run()
    {
        // The empty channel is none: nobody can subscribe to it, and no star matches it. So the first pair is not one "seen".
        Expand(new Pair(0, start, null, 0));
        while (found is null && open.TryDequeue(out var pair))
        {
            if (pairs > MaxPairs || work > MaxWork)
                return new(Holds: false, null);
            Expand(pair);
        }
        return found is { } end ? new(Holds: false, Spell(end)) : new(Holds: true, null);
    }

    private void AddTokens(RedisPattern.PatternToken[] tokens, int first)
    {
        Add(start, first);
        Add(ends, first + tokens.Length);
        for (var i = 0; i < tokens.Length; i++)
        {
            if (tokens[i].IsStar)
            {
                Add(stars, first + i);
                continue;
            }
            for (var letter = 0; letter < alphabet.Length; letter++)
            {
                if (tokens[i].Accepts.Contains(alphabet[letter]))
                    Add(accepting[letter], first + i);
            }
        }
    }

    /// <summary>Goes on by each letter; a star of the asked pattern may also be left without one.</summary>
    private void Expand(Pair pair)
    {
        for (var at = pair.At; at < asked.Length; at++)
        {
            for (var letter = 0; letter < alphabet.Length && found is null; letter++)
            {
                if (asked[at].Accepts.Contains(alphabet[letter]))
                    Visit(new Pair(asked[at].IsStar ? at : at + 1, Step(pair.Granted, letter), pair, alphabet[letter]));
            }
            if (!asked[at].IsStar)
                return;
        }
    }

    private void Visit(Pair pair)
    {
        if (WasSeen(pair))
            return;
        seen[pair.At].Add(pair.Granted);
        pairs++;
        open.Enqueue(pair);
        var isChannel = pair.At == asked.Length || (pair.At == asked.Length - 1 && asked[pair.At].IsStar);
        if (isChannel && !Intersect(pair.Granted, ends))
            found = pair;
    }

    private bool WasSeen(Pair pair)
    {
        foreach (var fewer in seen[pair.At])
        {
            work += words;
            if (IsWithin(fewer, pair.Granted))
                return true;
        }
        return false;
    }

    /// <summary>A star stays where it is; any other place that takes the letter leads to the next one.</summary>
    private ulong[] Step(ulong[] from, int letter)
    {
        work += words;
        var to = new ulong[words];
        ulong carry = 0;
        for (var i = 0; i < words; i++)
        {
            var moving = from[i] & accepting[letter][i];
            to[i] = (moving << 1) | carry | (from[i] & stars[i]);
            carry = moving >> 63;
        }
        PassStars(to);
        return to;
    }

    /// <summary>Who stands at a star may leave it at once. (Behind a star comes no other.)</summary>
    private void PassStars(ulong[] set)
    {
        ulong carry = 0;
        for (var i = 0; i < words; i++)
        {
            var starred = set[i] & stars[i];
            set[i] |= (starred << 1) | carry;
            carry = starred >> 63;
        }
    }

    private static byte[] Spell(Pair end)
    {
        var channel = new Stack<byte>();
        for (var pair = end; pair.Before is { } before; pair = before)
            channel.Push(pair.Letter);
        return [.. channel];
    }

    private static void Add(ulong[] set, int position) => set[position / 64] |= 1UL << (position % 64);

    private static bool Intersect(ulong[] one, ulong[] other)
    {
        for (var i = 0; i < one.Length; i++)
        {
            if ((one[i] & other[i]) != 0)
                return true;
        }
        return false;
    }

    private static bool IsWithin(ulong[] one, ulong[] other)
    {
        for (var i = 0; i < one.Length; i++)
        {
            if ((one[i] & ~other[i]) != 0)
                return false;
        }
        return true;
    }
}
