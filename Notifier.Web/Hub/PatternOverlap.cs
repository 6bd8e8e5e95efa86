using System.Text;
using Notifier.Configuration;
using Notifier.Names;
using Notifier.Redis;

namespace Notifier.Hub;

/// <summary>
/// Limits how many patterns of the node in Redis match one channel. Redis writes each message once for each of them into the node's output buffer, and
/// disconnects a node whose buffer is full. Beyond half of the limit, further patterns with the same beginning share an automatic cover. Under the lock of
/// <see cref="NameEntries"/>.
/// </summary>
internal sealed class PatternOverlap(LimitsOptions limits, LiveCovers covers)
{
    /// <summary>Half of what Redis' default settings allow (client-output-buffer-limit pubsub 32mb).</summary>
    private const int BytesPerMessage = 16 * 1024 * 1024;

    private const int Least = 8;

    private static readonly NameRefusal Refusal =
        NameRefusal.Overloaded("too many patterns of this server match the same channels; use a channel, or a pattern with a longer beginning");

    private readonly int limit = Math.Max(Least, BytesPerMessage / limits.PayloadBytes);

    /// <summary>Redis has refused an automatic cover: its ACL lists the patterns that are allowed.</summary>
    private bool isDenied;

    /// <summary>
    /// Chooses an automatic cover for a new pattern if many others may match the same channels, or refuses the pattern. Those that are already subscribed in Redis
    /// remain as they are, so that they miss nothing and receive nothing twice.
    /// </summary>
    /// <param name="pattern">The new pattern.</param>
    /// <param name="inRedis">The clients' patterns that are subscribed in Redis themselves.</param>
    /// <param name="mayReceive">Whether the client may subscribe to the cover. Otherwise a few narrow patterns could make the node receive everything.</param>
    /// <param name="cover">The cover, or null.</param>
    public NameRefusal? Place(RedisPattern pattern, IEnumerable<RedisPattern> inRedis, Func<Name, bool> mayReceive, out Name? cover)
    {
        cover = null;
        var automatic = covers.Automatic.ToList();
        var count = Count(pattern, inRedis.Concat(automatic.Select(static one => one.Pattern)));
        if (count < limit / 2)
            return null;
        if (automatic.Find(one => pattern.LiteralPrefix.StartsWith(one.Pattern.LiteralPrefix)) is { } existing)
            cover = existing.Name;
        else if (count >= limit)
            return Refusal;
        else if (!isDenied && CoverOf(pattern) is var chosen && mayReceive(chosen))
            cover = chosen;
        return null;
    }

    /// <summary>Redis does not allow a cover.</summary>
    public void Forget(RedisSubscription refused) => isDenied |= covers.Forget(refused);

    /// <summary>The cover of all patterns that begin with the same literal text as this one.</summary>
    private static Name CoverOf(RedisPattern pattern)
    {
        var text = new StringBuilder();
        foreach (var character in Encoding.UTF8.GetString(pattern.LiteralPrefix))
        {
            if (character is '*' or '?' or '[' or '\\')
                text.Append('\\');
            text.Append(character);
        }
        return Name.Pattern(text.Append(Cover.AutomaticEnd).ToString());
    }

    /// <summary>
    /// How many of the others can match one channel that this pattern may match too, judged by their literal prefixes: at most as many as are the beginnings of
    /// one another.
    /// </summary>
    public static int Count(RedisPattern pattern, IEnumerable<RedisPattern> others)
    {
        var shorter = 0;
        var longer = new List<RedisPattern>();
        foreach (var other in others)
        {
            if (pattern.LiteralPrefix.StartsWith(other.LiteralPrefix))
                shorter++;
            else if (other.LiteralPrefix.StartsWith(pattern.LiteralPrefix))
                longer.Add(other);
        }
        // In this order, each prefix follows its own beginnings.
        longer.Sort(static (one, other) => one.LiteralPrefix.SequenceCompareTo(other.LiteralPrefix));
        var beginnings = new Stack<RedisPattern>();
        var most = 0;
        foreach (var next in longer)
        {
            while (beginnings.TryPeek(out var last) && !next.LiteralPrefix.StartsWith(last.LiteralPrefix))
                beginnings.Pop();
            beginnings.Push(next);
            most = Math.Max(most, beginnings.Count);
        }
        return shorter + most;
    }
}
