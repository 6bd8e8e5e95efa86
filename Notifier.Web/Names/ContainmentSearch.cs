namespace Notifier.Names;

/// <summary>
/// Searches for the shortest channel that the requested pattern matches and no granted one: breadth first over states. A state is a
/// position in the requested pattern, and the set of positions in the granted patterns that the same bytes lead to. For one thread.
/// </summary>
/// <remarks>
/// Converting patterns to deterministic automata can take exponential space. The search skips a state if it has visited one at the same
/// position with a subset of its granted positions: a channel that the larger set does not match is not matched by the subset either.
/// With ordinary grants about a hundred states remain. More than the bound means a pattern made to be expensive, and the result is "too complex".
/// </remarks>
internal sealed class ContainmentSearch
{
    private const int MaxStates = 2_000;

    /// <summary>Operations on words of 64 positions. One million take a few milliseconds.</summary>
    private const int MaxWork = 1_000_000;

    private readonly RedisPattern.PatternToken[] requested;
    private readonly byte[] alphabet;

    // Bit sets of positions in all granted patterns, one after the other; a pattern's last position is behind its last token.
    private readonly int words;
    private readonly ulong[] start;
    private readonly ulong[] ends;
    private readonly ulong[] stars;
    private readonly ulong[][] accepting;      // for each letter of the alphabet: the tokens that accept it and are not stars

    private readonly List<ulong[]>[] visited;
    private readonly Queue<State> queue = new();
    private int states;
    private int work;
    private State? counterExample;

    public ContainmentSearch(RedisPattern.PatternToken[] requested, RedisPattern[] granted)
    {
        this.requested = requested;
        RedisPattern.PatternToken[][] patterns = [.. granted.Select(pattern => pattern.Tokens())];
        alphabet = ByteClasses.Representatives(patterns.Append(requested).SelectMany(tokens => tokens).Select(token => token.Accepts));
        words = (patterns.Sum(tokens => tokens.Length + 1) + 63) / 64;
        (start, ends, stars) = (new ulong[words], new ulong[words], new ulong[words]);
        accepting = [.. alphabet.Select(_ => new ulong[words])];
        visited = [.. Enumerable.Range(0, requested.Length + 1).Select(_ => new List<ulong[]>())];
        var first = 0;
        foreach (var tokens in patterns)
        {
            AddTokens(tokens, first);
            first += tokens.Length + 1;
        }
        SkipStars(start);
    }

    /// <summary>A step towards a channel. The chain of <c>Previous</c> leads back to the first byte.</summary>
    private sealed record State(int At, ulong[] Granted, State? Previous, byte Letter);

    public Containment Run()
    {
        // The empty channel is not a valid name, and in Redis no star matches it. So the first state is not added to "visited".
        Expand(new State(0, start, null, 0));
        while (counterExample is null && queue.TryDequeue(out var state))
        {
            if (states > MaxStates || work > MaxWork)
                return new(Holds: false, null);
            Expand(state);
        }
        return counterExample is { } end ? new(Holds: false, Spell(end)) : new(Holds: true, null);
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

    /// <summary>Visits the states that each letter leads to. A star of the requested pattern may also match nothing more.</summary>
    private void Expand(State state)
    {
        for (var at = state.At; at < requested.Length; at++)
        {
            for (var letter = 0; letter < alphabet.Length && counterExample is null; letter++)
            {
                if (requested[at].Accepts.Contains(alphabet[letter]))
                    Visit(new State(requested[at].IsStar ? at : at + 1, Step(state.Granted, letter), state, alphabet[letter]));
            }
            if (!requested[at].IsStar)
                return;
        }
    }

    private void Visit(State state)
    {
        if (WasVisited(state))
            return;
        visited[state.At].Add(state.Granted);
        states++;
        queue.Enqueue(state);
        var isChannel = state.At == requested.Length || (state.At == requested.Length - 1 && requested[state.At].IsStar);
        if (isChannel && !Intersect(state.Granted, ends))
            counterExample = state;
    }

    private bool WasVisited(State state)
    {
        foreach (var granted in visited[state.At])
        {
            work += words;
            if (IsSubset(granted, state.Granted))
                return true;
        }
        return false;
    }

    /// <summary>The positions after a letter: a star keeps its position, and any other token that accepts the letter leads to the next one.</summary>
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
        SkipStars(to);
        return to;
    }

    /// <summary>Adds the position behind each star, because a star may match nothing. (A star never follows another.)</summary>
    private void SkipStars(ulong[] set)
    {
        ulong carry = 0;
        for (var i = 0; i < words; i++)
        {
            var starred = set[i] & stars[i];
            set[i] |= (starred << 1) | carry;
            carry = starred >> 63;
        }
    }

    private static byte[] Spell(State end)
    {
        var channel = new Stack<byte>();
        for (var state = end; state.Previous is { } previous; state = previous)
            channel.Push(state.Letter);
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

    private static bool IsSubset(ulong[] one, ulong[] other)
    {
        for (var i = 0; i < one.Length; i++)
        {
            if ((one[i] & ~other[i]) != 0)
                return false;
        }
        return true;
    }
}
