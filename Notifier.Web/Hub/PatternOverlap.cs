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

    /// <summary>Of the clients' patterns that are subscribed in Redis themselves.</summary>
    private readonly PrefixIndex inRedis = new();

    /// <summary>Redis has refused an automatic cover: its ACL lists the patterns that are allowed.</summary>
    private bool isDenied;

    /// <summary>
    /// Chooses an automatic cover for a new pattern if many others may match the same channels, or refuses the pattern. Those that are already subscribed in Redis
    /// remain as they are, so that they miss nothing and receive nothing twice.
    /// </summary>
    /// <param name="pattern">The new pattern.</param>
    /// <param name="mayReceive">Whether the client may subscribe to the cover. Otherwise a few narrow patterns could make the node receive everything.</param>
    /// <param name="cover">The cover, or null.</param>
    public NameRefusal? Place(RedisPattern pattern, Func<Name, bool> mayReceive, out Name? cover)
    {
        cover = null;
        var automatic = covers.Automatic.ToList();
        var count = inRedis.CountOverlapping(pattern.LiteralPrefix) + automatic.Count(one => Overlap(one.Pattern, pattern));
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

    /// <summary>A client's pattern is subscribed in Redis itself.</summary>
    public void Add(RedisPattern pattern) => inRedis.Add(pattern.LiteralPrefix);

    public void Remove(RedisPattern pattern) => inRedis.Remove(pattern.LiteralPrefix);

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

    private static bool Overlap(RedisPattern one, RedisPattern other) =>
        one.LiteralPrefix.StartsWith(other.LiteralPrefix) || other.LiteralPrefix.StartsWith(one.LiteralPrefix);
}
