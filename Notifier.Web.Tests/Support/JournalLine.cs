using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Notifier.History.Durable;
using Notifier.Messages;
using StackExchange.Redis;

namespace Notifier.Tests.Support;

/// <summary>The lines before durable messages in Redis, written by the test itself.</summary>
internal static class JournalLine
{
    /// <summary>The line that notifier.lua writes, as its documentation describes it.</summary>
    public static string Signed(JournalEpoch epoch, long id, long previous, string channel, string payload)
    {
        var line = $"notifier/2 epoch={epoch.PublicId} id={id} prev={previous}";
        return $"{line} mac={MacOf(epoch.Key, line, channel, payload)}\n";
    }

    [SuppressMessage("Security", "CA5350:Do Not Use Weak Cryptographic Algorithms", Justification = "See JournalMac.")]
    public static string MacOf(byte[] key, string line, string channel, string payload) => Convert.ToHexStringLower(
        HMACSHA1.HashData(key, Encoding.UTF8.GetBytes($"{line}\n{Encoding.UTF8.GetByteCount(channel)} {channel}{payload}")));

    /// <summary>The line of an earlier version.</summary>
    public static string Earlier(string epoch, long id, long previous) => $"notifier/1 epoch={epoch} id={id} prev={previous}\n";

    /// <summary>The epoch of the journal in Redis, with its key.</summary>
    public static async Task<JournalEpoch> EpochAsync(this ConnectionMultiplexer redis)
    {
        var found = await redis.GetDatabase().HashGetAsync(JournalScripts.State, ["epoch", "mark", "since", "inner"]);
        return new((string)found[0]!, (string)found[1]!, (long)found[2]) { Key = JournalMac.KeyFrom((byte[])found[3]!) };
    }

    /// <summary>Publishes with a script of an earlier version, as a backend does that still has it.</summary>
    public static Task<RedisResult[]> PublishWithEarlierScriptAsync(this ConnectionMultiplexer redis, string channel, RedisValue payload, string key = "") =>
        redis.RunAsync(EarlierScript("notifier"), channel, payload, key);

    /// <summary>Creates a journal as a node of an earlier version does.</summary>
    public static Task<RedisResult[]> CreateEarlierJournalAsync(this ConnectionMultiplexer redis) => redis.RunAsync(
        EarlierScript("head"), Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)), 10_000, 86_400, "", "", "");

    private static string EarlierScript(string name) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Assets", $"{name}-1.lua"));
}
