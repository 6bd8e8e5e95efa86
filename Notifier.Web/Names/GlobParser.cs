namespace Notifier.Names;

/// <summary>Reads a Redis glob token by token, as <c>stringmatchlen</c> does; every text is a valid glob.</summary>
internal static class GlobParser
{
    /// <param name="glob">The whole pattern.</param>
    /// <param name="at">Where the token begins; moved behind the token.</param>
    public static RedisPattern.PatternToken Read(ReadOnlySpan<byte> glob, ref int at)
    {
        var first = glob[at++];
        switch (first)
        {
            case (byte)'*':
                return RedisPattern.PatternToken.Star;
            case (byte)'?':
                return new(ByteSet.All);
            case (byte)'[':
                return new(ReadClass(glob, ref at));
            case (byte)'\\' when at < glob.Length:
                return new(ByteSet.From(glob[at++]));
            default:
                return new(ByteSet.From(first));     // also a backslash at the end
        }
    }

    /// <summary>Reads a class in brackets. Without a closing bracket, the class extends to the end of the pattern.</summary>
    private static ByteSet ReadClass(ReadOnlySpan<byte> glob, ref int at)
    {
        var isNegated = at < glob.Length && glob[at] == '^';
        if (isNegated)
            at++;
        var set = ByteSet.None;
        while (at < glob.Length)
        {
            var left = glob.Length - at;
            if (glob[at] == '\\' && left >= 2)
            {
                set |= ByteSet.From(glob[at + 1]);
                at += 2;
            }
            else if (glob[at] == ']')
            {
                at++;
                break;
            }
            else if (left >= 3 && glob[at + 1] == '-')
            {
                set |= Range(glob[at], glob[at + 2]);   // the end may be any byte: in [a-] it is the bracket, and the class goes on
                at += 3;
            }
            else
                set |= ByteSet.From(glob[at++]);
        }
        return isNegated ? ~set : set;
    }

    /// <summary>The ends in either order, compared as signed bytes.</summary>
    private static ByteSet Range(byte one, byte other)
    {
        var (min, max) = (Math.Min((sbyte)one, (sbyte)other), Math.Max((sbyte)one, (sbyte)other));
        var set = ByteSet.None;
        for (int value = min; value <= max; value++)
            set |= ByteSet.From((byte)value);
        return set;
    }
}
