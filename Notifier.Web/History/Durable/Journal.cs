using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Redis;
using StackExchange.Redis;

namespace Notifier.History.Durable;

/// <summary>
/// The durable messages in Redis, of all channels in one order. Its keys are <c>{notifier}:journal</c> (the epoch, and the latest id),
/// <c>{notifier}:channels</c> (each channel by its latest id) and <c>{notifier}:log:…</c> (each channel's messages by their ids). Thread-safe.
/// </summary>
/// <remarks>If Redis is away or answers with an error, all methods throw the library's exception; see <see cref="IsFault"/>.</remarks>
internal sealed class Journal(
    RedisBackplane backplane, RedisNames names, DurableChannels channels, IOptions<DurableOptions> durable, IOptions<RecentOptions> recent,
    IOptions<LimitsOptions> limits)
{
    /// <summary>The size of a page. A client that missed more receives several pages.</summary>
    public const int MaxMessages = 1_000;

    /// <summary>How many channels of a pattern are read at once.</summary>
    private const int ChannelsAtOnce = 32;

    private static readonly RedisKey ByLatest = "{notifier}:channels";

    private SeenMessage? seen;

    public DurableChannels Channels => channels;

    /// <summary>Whether Redis was away or has answered with an error.</summary>
    public static bool IsFault(Exception error) => error is RedisException or TimeoutException or ObjectDisposedException;

    /// <summary>The first word of Redis' error, such as <c>READONLY</c>; null if Redis has not answered.</summary>
    public static string? CodeOf(Exception error) => error is RedisServerException ? error.Message.Split(' ')[0] : null;

    /// <summary>A durable message has arrived. If Redis lacks it later, Redis has lost data, and the epoch ends.</summary>
    public void OnSeen(SeenMessage message) => Volatile.Write(ref seen, message);

    public Task<JournalHead> ReadHeadAsync() => ReadHeadAsync(Database);

    private async Task<JournalHead> ReadHeadAsync(IDatabase redis)
    {
        var latest = Volatile.Read(ref seen);
        var found = (RedisResult[])(await redis.ScriptEvaluateAsync(
            JournalScripts.Head, [JournalScripts.State],
            [
                Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)),
                durable.Value.Messages, (long)durable.Value.Age.TotalSeconds,
                latest?.Epoch.Secret ?? "", latest?.Id.ToString(CultureInfo.InvariantCulture) ?? "", latest is null ? "" : InRedis(Encoding.UTF8.GetString(latest.Channel.Span)),
            ]))!;
        var (secret, publicId, since, id, now) = ((string)found[0]!, (string)found[1]!, (long)found[2], (long)found[3], (long)found[4]);
        return new(new(secret, publicId, since), id, now);
    }

    /// <summary>The messages of a name after an id, up to the limits of a page.</summary>
    public async Task<JournalPage> ReadAsync(Name name, long after, int limit = MaxMessages)
    {
        var redis = Database;
        var head = await ReadHeadAsync(redis);
        var oldest = head.Now - (long)durable.Value.Age.TotalMicroseconds;
        if (name.Kind == NameKind.Channel)
        {
            var log = await ReadAsync(redis, InRedis(name.Text), label: null, after, limit);
            return new(head.Epoch, after, log.HasMore ? log.LastId : Math.Max(head.Id, log.LastId), log.IsWholeAfter(after, oldest), !log.HasMore, log.Messages);
        }

        // Messages that are published meanwhile have later ids than the head: they are on the next page.
        var page = new MergedPage(head.Id, limit) { IsWhole = after >= oldest };
        var active = await redis.SortedSetRangeByScoreAsync(ByLatest, after, exclude: Exclude.Start);
        foreach (var some in Matching(name, active).Chunk(ChannelsAtOnce))
        {
            foreach (var log in await Task.WhenAll(some.Select(one => ReadAsync(redis, one.InRedis, one.Channel, after, limit))))
                page.Add(log, log.IsWholeAfter(after, oldest));
        }
        return new(head.Epoch, after, page.UpTo, page.IsWhole, page.IsLast, page.Messages);
    }

    /// <summary>The last messages of a name.</summary>
    public async Task<JournalPage> ReadLastAsync(Name name, int count)
    {
        var redis = Database;
        var head = await ReadHeadAsync(redis);
        count = Math.Min(count, MaxMessages);
        var logs = new List<ChannelPage>();
        if (name.Kind == NameKind.Channel)
            logs.Add(await ReadAsync(redis, InRedis(name.Text), label: null, 0, count, last: true));
        else
        {
            foreach (var some in (await LatestAsync(redis, name, count)).Chunk(ChannelsAtOnce))
                logs.AddRange(await Task.WhenAll(some.Select(one => ReadAsync(redis, one.InRedis, one.Channel, 0, count, last: true))));
        }
        var all = logs.SelectMany(static log => log.Messages).Where(message => name.Kind == NameKind.Channel || message.JournalId <= head.Id);
        Message[] messages = [.. all.OrderBy(static message => message.JournalId).TakeLast(count)];
        var end = messages.Length > 0 ? Math.Max(messages[^1].JournalId, head.Id) : head.Id;
        return new(head.Epoch, messages.Length > 0 ? messages[0].JournalId - 1 : end, end, IsWhole: true, IsLast: true, messages);
    }

    /// <summary>The channels of a name with the latest messages. Each has at least one, so as many channels as messages are enough.</summary>
    private async Task<List<(RedisValue InRedis, byte[] Channel)>> LatestAsync(IDatabase redis, Name name, int limit)
    {
        var found = new List<(RedisValue, byte[])>();
        RedisValue[] some;
        var at = 0;
        do
        {
            some = await redis.SortedSetRangeByRankAsync(ByLatest, at, at + MaxMessages - 1, Order.Descending);
            found.AddRange(Matching(name, some).Take(limit - found.Count));
            at += some.Length;
        }
        while (some.Length == MaxMessages && found.Count < limit);
        return found;
    }

    private async Task<ChannelPage> ReadAsync(IDatabase redis, RedisValue channel, byte[]? label, long after, int limit, bool last = false)
    {
        var found = (RedisResult[])(await redis.ScriptEvaluateAsync(
            JournalScripts.Messages, [JournalScripts.State], [channel, after, limit, recent.Value.Bytes, last ? 1 : 0]))!;
        var (latest, hasMore, entries) = ((string?)found[0], (int)found[1] == 1, (byte[][])found[2]!);
        if (last)
            Array.Reverse(entries);
        return ChannelPage.Parse(label, latest, hasMore && !last, entries, limits.Value.PayloadBytes);
    }

    private IEnumerable<(RedisValue InRedis, byte[] Channel)> Matching(Name name, RedisValue[] active)
    {
        var pattern = RedisPattern.From(name);
        foreach (var raw in active)
        {
            if (names.FromRedis((byte[])raw!) is { } channel && pattern.Matches(channel) && channels.Contains(channel))
                yield return (raw, channel);
        }
    }

    private string InRedis(string channel) => names.ToRedis(Name.Channel(channel)).ToString();

    private IDatabase Database => backplane.ConnectedCommands?.GetDatabase()
        ?? throw new RedisException("Redis is unavailable");
}
