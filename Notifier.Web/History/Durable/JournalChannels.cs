using Notifier.Names;
using Notifier.Redis;
using StackExchange.Redis;

namespace Notifier.History.Durable;

/// <summary>A durable channel.</summary>
/// <param name="InRedis">With the prefix in Redis.</param>
/// <param name="Label">The channel that each message names; null if the subscription's name is that channel.</param>
/// <param name="LatestId">The id of its latest message; zero if that is not known.</param>
internal readonly record struct DurableChannel(RedisValue InRedis, byte[]? Label, long LatestId = 0);

/// <summary>Some channels of a pattern.</summary>
/// <param name="Channels">Those with the latest messages come first.</param>
/// <param name="LowestId">No other channel before the next scan has a later message than this one.</param>
internal readonly record struct ChannelScan(List<DurableChannel> Channels, long LowestId);

/// <summary>
/// The durable channels of a pattern. notifier.lua puts each channel into <c>{notifier}:channels</c> and, for each of its first parts, such as
/// <c>orders.</c>, into the index <c>{notifier}:channels:orders.</c>. So channels with other first parts, on which others publish, neither count nor cost time.
/// Thread-safe.
/// </summary>
internal sealed class JournalChannels(RedisNames names, DurableChannels durable) : IDisposable
{
    /// <summary>How many first parts of a channel have an index, as notifier.lua has it.</summary>
    private const int IndexedParts = 3;

    /// <summary>How many channels are looked at for the last messages of a pattern.</summary>
    public const int MaxScanned = 10_000;

    private const int ChannelsPerScan = 1_000;

    private static readonly RedisKey All = "{notifier}:channels";

    /// <summary>Only one thread at a time matches channels: a pattern may have thousands.</summary>
    private readonly SemaphoreSlim matching = new(1);

    /// <summary>The channels of a pattern with messages after an id; null if more channels than the limit have some, of any pattern with the same first parts.</summary>
    public async Task<List<DurableChannel>?> ActiveAsync(IDatabase redis, Name name, JournalHead head, long after, int maxChannels, ReadMeter meter)
    {
        var set = head.UnindexedUpTo <= after && IndexOf(name) is { } index ? index : All;
        var active = await redis.SortedSetRangeByScoreAsync(set, after, exclude: Exclude.Start, take: maxChannels == int.MaxValue ? -1 : maxChannels + 1L);
        meter.OnListed(active.Length);
        return active.Length > maxChannels ? null : await MatchAsync(name, active);
    }

    /// <summary>The channels of a pattern, those with the latest messages first; not all, if <see cref="MaxScanned"/> others come before.</summary>
    public async IAsyncEnumerable<ChannelScan> LatestFirstAsync(IDatabase redis, Name name, JournalHead head, ReadMeter meter)
    {
        var left = MaxScanned;
        foreach (var (set, after, upTo) in SetsOf(name, head))
        {
            for (var (end, isLast) = (upTo, false); left > 0 && !isLast;)
            {
                meter.ThrowIfAbandoned();
                var asked = Math.Min(left, ChannelsPerScan);
                var ranked = await redis.SortedSetRangeByScoreWithScoresAsync(set, after + 1, end, order: Order.Descending, take: asked);
                meter.OnListed(ranked.Length);
                isLast = ranked.Length < asked;
                if (ranked.Length == 0)
                    continue;
                left -= ranked.Length;
                var lowest = (long)ranked[^1].Score;
                var ids = ranked.ToDictionary(static entry => entry.Element, static entry => (long)entry.Score);
                var found = await MatchAsync(name, ranked.Select(static entry => entry.Element));
                yield return new(found.ConvertAll(channel => channel with { LatestId = ids[channel.InRedis] }), lowest);
                end = lowest - 1;
            }
        }
    }

    public void Dispose() => matching.Dispose();

    /// <summary>The sets that together have all channels, and which latest ids count in each.</summary>
    private (RedisKey Set, long After, double UpTo)[] SetsOf(Name name, JournalHead head) => head.UnindexedUpTo is { } unindexed && IndexOf(name) is { } index
        ? [(index, unindexed, double.PositiveInfinity), (All, 0, unindexed)]
        : [(All, 0, double.PositiveInfinity)];

    /// <summary>The lengths of the first parts that have an index.</summary>
    public static List<int> PartsOf(ReadOnlySpan<byte> channel)
    {
        var lengths = new List<int>();
        for (var length = 0; lengths.Count < IndexedParts && channel[length..].IndexOfAny(".:/"u8) is >= 0 and var at;)
            lengths.Add(length += at + 1);
        return lengths;
    }

    /// <summary>The smallest index that contains every channel of the pattern; null if no index does.</summary>
    private RedisKey? IndexOf(Name name)
    {
        byte[] literal = [.. names.Prefix.Span, .. RedisPattern.From(name).LiteralPrefix];
        return PartsOf(literal) is [.., var longest] ? (byte[])[.. "{notifier}:channels:"u8, .. literal.AsSpan(0, longest)] : default(RedisKey?);
    }

    private async Task<List<DurableChannel>> MatchAsync(Name name, IEnumerable<RedisValue> channels)
    {
        var pattern = RedisPattern.From(name);
        var found = new List<DurableChannel>();
        await matching.WaitAsync();
        try
        {
            foreach (var raw in channels)
            {
                if (names.FromRedis((byte[])raw!) is { } channel && pattern.Matches(channel) && durable.Contains(channel))
                    found.Add(new(raw, channel));
            }
        }
        finally
        {
            matching.Release();
        }
        return found;
    }
}
