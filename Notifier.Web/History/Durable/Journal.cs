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
/// <c>{notifier}:channels</c> (each channel by its latest id; see <see cref="JournalChannels"/>) and <c>{notifier}:log:…</c> (each channel's messages by their
/// ids). Thread-safe.
/// </summary>
/// <remarks>If Redis is away or answers with an error, all methods throw the library's exception; see <see cref="IsFault"/>.</remarks>
internal sealed class Journal(
    RedisBackplane backplane, RedisNames names, DurableChannels channels, IOptions<DurableOptions> durable,
    IOptions<LimitsOptions> limits) : IDisposable
{
    /// <summary>How many messages a page has at most. A client that missed more receives several pages.</summary>
    public const int MaxMessages = 1_000;

    /// <summary>
    /// The size of a page at most, in <see cref="Messages.Message.Size"/>, over all its channels. A larger message is a page of its own.
    /// </summary>
    public const int MaxBytes = 1024 * 1024;

    /// <summary>
    /// With more channels since a position, a client does not resume a pattern: each of them would have to be matched and read before the first message. Only
    /// channels count that have the same first parts as the pattern.
    /// </summary>
    public const int MaxChannels = 10_000;

    /// <summary>How many channels of a pattern are read at once.</summary>
    private const int ChannelsAtOnce = 16;

    private readonly JournalChannels index = new(names, channels);

    private SeenMessage? seen;
    private volatile JournalEpoch latestEpoch = JournalEpoch.None;
    private volatile string? latestLines;

    public DurableChannels Channels => channels;

    /// <summary>Precedes each channel in Redis.</summary>
    public ReadOnlyMemory<byte> Prefix => names.Prefix;

    /// <summary>Whether notifier.lua writes lines with a MAC, which nodes of an earlier version do not understand; as of the latest answer of Redis.</summary>
    public bool HasSignedLines => latestLines == JournalScripts.SignedLines;

    /// <summary>Whether Redis was away or has answered with an error.</summary>
    public static bool IsFault(Exception error) => error is RedisException or TimeoutException or ObjectDisposedException;

    /// <summary>The first word of Redis' error, such as <c>READONLY</c>; null if Redis has not answered.</summary>
    public static string? CodeOf(Exception error) => error is RedisServerException ? error.Message.Split(' ')[0] : null;

    /// <summary>A durable message has arrived. If Redis lacks it later, Redis has lost data, and the epoch ends.</summary>
    public void OnSeen(SeenMessage message) => Volatile.Write(ref seen, message);

    /// <summary>If this node creates a journal, notifier.lua writes lines into it that nodes of an earlier version understand.</summary>
    public void KeepEarlierLines() => latestLines = "";

    public Task<JournalHead> ReadHeadAsync() => ReadHeadAsync(Database);

    private async Task<JournalHead> ReadHeadAsync(IDatabase redis)
    {
        var latest = Volatile.Read(ref seen);
        var (inner, outer) = JournalMac.BlocksOf(RandomNumberGenerator.GetBytes(JournalMac.KeySize));
        var found = (RedisResult[])(await redis.ScriptEvaluateAsync(
            JournalScripts.Head, [JournalScripts.State],
            [
                Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)),
                // If the journal was lost, nodes of an earlier version may still be there.
                inner, outer, latestLines ?? JournalScripts.SignedLines,
                durable.Value.Messages, (long)durable.Value.Age.TotalSeconds,
                latest?.Epoch.Secret ?? "", latest?.Id.ToString(CultureInfo.InvariantCulture) ?? "", latest is null ? "" : InRedis(Encoding.UTF8.GetString(latest.Channel.Span)),
            ]))!;
        var (secret, publicId, since, id, now) = ((string)found[0]!, (string)found[1]!, (long)found[2], (long)found[3], (long)found[4]);
        latestLines = (string)found[6]!;
        long? unindexed = (string?)found[7] is { Length: > 0 } upTo ? long.Parse(upTo, CultureInfo.InvariantCulture) : null;
        return new(Share(new(secret, publicId, since) { Key = JournalMac.KeyFrom((byte[])found[5]!) }), id, now, unindexed);
    }

    /// <summary>The same object for the same epoch: each name of this node refers to one.</summary>
    private JournalEpoch Share(JournalEpoch read)
    {
        var known = latestEpoch;
        return known == read && known.Key.AsSpan().SequenceEqual(read.Key) ? known : latestEpoch = read;
    }

    /// <summary>Whether a journal exists that nodes of this version can use, and which lines notifier.lua writes.</summary>
    public async Task<JournalState> ReadStateAsync()
    {
        var found = await Database.HashGetAsync(JournalScripts.State, ["mark", "inner", "lines"]);
        return new(!found[0].IsNull && !found[1].IsNull, found[2]);
    }

    /// <summary>From now on notifier.lua writes lines with a MAC.</summary>
    public Task SignLinesAsync() => Database.HashSetAsync(JournalScripts.State, "lines", JournalScripts.SignedLines);

    /// <summary>The messages of a name after an id, up to the limits of a page.</summary>
    /// <param name="name">A channel or a pattern.</param>
    /// <param name="after">The id.</param>
    /// <param name="limit">How many messages at most.</param>
    /// <param name="maxChannels">If more channels have messages after the id, the page is empty, and not whole.</param>
    /// <param name="maxBytes">How many bytes at most; the first message is read whatever its size.</param>
    /// <param name="meter">Counts what is read, and may end the read.</param>
    /// <exception cref="OperationCanceledException">The read was abandoned.</exception>
    public async Task<JournalPage> ReadAsync(
        Name name, long after, int limit = MaxMessages, int maxChannels = int.MaxValue, int maxBytes = MaxBytes, ReadMeter? meter = null)
    {
        meter ??= new();
        var redis = Database;
        var head = await ReadHeadAsync(redis);
        meter.OnHead();
        var oldest = head.Now - (long)durable.Value.Age.TotalMicroseconds;
        if (name.Kind == NameKind.Channel)
        {
            var log = (await ReadAsync(redis, [new(InRedis(name.Text), null)], after, new(limit, maxBytes), meter))[0];
            return new(head.Epoch, after, log.HasMore ? log.LastId : Math.Max(head.Id, log.LastId), log.IsWholeAfter(after, oldest), !log.HasMore, log.Messages);
        }

        // Messages that are published meanwhile have later ids than the head: they are on the next page.
        var page = new MergedPage(after, head.Id, limit, maxBytes) { IsWhole = after >= oldest };
        if (await index.ActiveAsync(redis, name, head, after, maxChannels, meter) is not { } active)
            return new(head.Epoch, after, Math.Max(head.Id, after), IsWhole: false, IsLast: true, []);
        foreach (var some in active.Chunk(ChannelsAtOnce))
        {
            var limits = new ReadLimits(limit, maxBytes / some.Length, page.UpTo);
            page.Add(await ReadAsync(redis, some, after, limits, meter), oldest);
        }
        return new(head.Epoch, after, page.UpTo, page.IsWhole, page.IsLast, page.Messages);
    }

    /// <summary>The last messages of a name, as many as fit into one page.</summary>
    /// <exception cref="OperationCanceledException">The read was abandoned.</exception>
    public async Task<JournalPage> ReadLastAsync(Name name, int count, int maxBytes = MaxBytes, ReadMeter? meter = null)
    {
        meter ??= new();
        var redis = Database;
        var head = await ReadHeadAsync(redis);
        meter.OnHead();
        var latest = new LatestMessages(Math.Min(count, MaxMessages), maxBytes);
        if (name.Kind == NameKind.Channel)
            latest.Add(await ReadAsync(redis, [new(InRedis(name.Text), null)], 0, latest.Limits, meter));
        else
            await ReadLastAsync(redis, name, head, latest, meter);
        var messages = latest.Messages;
        var end = messages.Length > 0 ? Math.Max(messages[^1].JournalId, head.Id) : head.Id;
        return new(head.Epoch, messages.Length > 0 ? messages[0].JournalId - 1 : end, end, IsWhole: true, IsLast: true, messages);
    }

    /// <summary>Reads the channels of a pattern, the latest first, until no other channel can have a later message than those that were read.</summary>
    private async Task ReadLastAsync(IDatabase redis, Name name, JournalHead head, LatestMessages latest, ReadMeter meter)
    {
        if (latest.Limits.Messages == 0)
            return;
        await foreach (var scan in index.LatestFirstAsync(redis, name, head, meter))
        {
            foreach (var some in scan.Channels.Chunk(ChannelsAtOnce))
            {
                if (some[0].LatestId <= latest.Since)
                    return;
                // Messages that are published meanwhile are in the log.
                var limits = latest.Limits with { Bytes = latest.Limits.Bytes / some.Length, UpTo = head.Id };
                latest.Add(await ReadAsync(redis, some, latest.Since, limits, meter));
            }
            if (scan.LowestId <= latest.Since)
                return;
        }
    }

    private async Task<ChannelPage[]> ReadAsync(IDatabase redis, DurableChannel[] some, long after, ReadLimits limit, ReadMeter meter)
    {
        meter.ThrowIfAbandoned();
        var found = (RedisResult[])(await redis.ScriptEvaluateAsync(
            JournalScripts.Messages, [JournalScripts.State],
            [after, limit.UpTo is { } id ? id : "+inf", limit.Messages, limit.Bytes, limit.IsFromEnd ? 1 : 0, .. some.Select(static one => one.InRedis)]))!;
        var pages = new ChannelPage[some.Length];
        for (var n = 0; n < some.Length; n++)
        {
            var (latest, hasMore, entries) = ((string?)found[n][0], (int)found[n][1] == 1, (byte[][])found[n][2]!);
            if (limit.IsFromEnd)
                Array.Reverse(entries);
            meter.OnRead(entries);
            pages[n] = ChannelPage.Parse(some[n].Label, latest, hasMore, entries, limits.Value.PayloadBytes);
        }
        return pages;
    }

    public void Dispose() => index.Dispose();

    private string InRedis(string channel) => names.ToRedis(Name.Channel(channel)).ToString();

    private IDatabase Database => backplane.ConnectedCommands?.GetDatabase()
        ?? throw new RedisException("Redis is unavailable");
}

/// <summary>How much of each channel is read.</summary>
/// <param name="Messages">How many messages at most.</param>
/// <param name="Bytes">How many bytes at most; the first message is read whatever its size.</param>
/// <param name="UpTo">Only messages up to this id; null without such a limit.</param>
/// <param name="IsFromEnd">Whether the last messages are read, not the first.</param>
internal readonly record struct ReadLimits(int Messages, int Bytes, long? UpTo = null, bool IsFromEnd = false);
