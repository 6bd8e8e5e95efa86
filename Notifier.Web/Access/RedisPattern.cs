using System.Text;
using Notifier.Messages;

namespace Notifier.Access;

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
    private readonly byte[] beginning;
    private readonly Place[] rest;

    private RedisPattern(byte[] beginning, Place[] rest)
    {
        this.beginning = beginning;
        this.rest = rest;
        MatchesNothing = Array.Exists(rest, place => place is { IsStar: false, Accepts.IsEmpty: true })
            || (beginning.Length == 0 && rest.Length == 0);
    }

    /// <summary>One place of a pattern: a star, or one byte out of a set.</summary>
    internal readonly record struct Place(ByteSet Accepts, bool IsStar = false)
    {
        public static Place Star => new(ByteSet.All, IsStar: true);
    }

    /// <summary>What every channel that the pattern matches begins with: all that comes before the first wildcard.</summary>
    public ReadOnlySpan<byte> Beginning => beginning;

    /// <summary>
    /// True when no channel can match it, for example because of <c>[]</c> in it. (The empty pattern matches the empty channel,
    /// which is none that anybody could ask for.)
    /// </summary>
    public bool MatchesNothing { get; }

    public static RedisPattern Parse(string glob) => Parse(Encoding.UTF8.GetBytes(glob));

    public static RedisPattern Parse(ReadOnlySpan<byte> glob)
    {
        var places = new List<Place>(glob.Length);
        for (var i = 0; i < glob.Length;)
        {
            var place = PlaceParser.Read(glob, ref i);
            if (!place.IsStar || places is not [.., { IsStar: true }])     // a run of stars is one
                places.Add(place);
        }
        return Of(places);
    }

    /// <summary>A channel as the pattern that matches it alone; a pattern as it is.</summary>
    public static RedisPattern Of(Name name) => name.Kind == NameKind.Pattern
        ? Parse(name.Text)
        : new RedisPattern(Encoding.UTF8.GetBytes(name.Text), []);

    public bool Matches(ReadOnlySpan<byte> channel)
    {
        if (!channel.StartsWith(beginning))
            return false;
        if (channel.Length == 0)
            return rest.Length == 0;    // no star matches the empty channel in Redis
        return RestMatches(channel[beginning.Length..]);
    }

    /// <summary>All places, those of the beginning too.</summary>
    public Place[] Places()
    {
        var places = new Place[beginning.Length + rest.Length];
        for (var i = 0; i < beginning.Length; i++)
            places[i] = new Place(ByteSet.Of(beginning[i]));
        rest.CopyTo(places, beginning.Length);
        return places;
    }

    /// <summary>
    /// Each star takes as little as it can. When a later place fails, the last star takes one byte more: earlier ones need not
    /// be tried again, for the last one could have taken whatever they would.
    /// </summary>
    private bool RestMatches(ReadOnlySpan<byte> text)
    {
        int place = 0, at = 0;
        int lastStar = -1, takenUpTo = 0;
        while (at < text.Length)
        {
            if (place < rest.Length && rest[place].IsStar)
            {
                lastStar = place++;
                takenUpTo = at;
            }
            else if (place < rest.Length && rest[place].Accepts.Contains(text[at]))
            {
                place++;
                at++;
            }
            else if (lastStar >= 0)
            {
                place = lastStar + 1;
                at = ++takenUpTo;
            }
            else
                return false;
        }
        return place == rest.Length || (place == rest.Length - 1 && rest[place].IsStar);
    }

    private static RedisPattern Of(List<Place> places)
    {
        var literals = new List<byte>();
        foreach (var place in places)
        {
            if (place.IsStar || !place.Accepts.IsSingle(out var only))
                break;
            literals.Add(only);
        }
        return new RedisPattern([.. literals], [.. places.Skip(literals.Count)]);
    }
}
