using System.Globalization;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>Reads the configuration of a Redis, if it allows <c>CONFIG</c>: most managed services disable it, and an ACL may forbid it.</summary>
internal static class RedisSettings
{
    /// <summary>Opens a separate connection, because the library allows <c>CONFIG</c> only on one that allows all admin commands. The caller disposes it.</summary>
    public static async Task<ConnectionMultiplexer> ConnectAsync(ConfigurationOptions options)
    {
        var own = options.Clone();
        own.AllowAdmin = true;
        return await ConnectionMultiplexer.ConnectAsync(own);
    }

    /// <returns>The value; null if Redis does not return it.</returns>
    public static async Task<string?> ReadAsync(IServer server, string key)
    {
        try
        {
            var answer = await server.ExecuteAsync("CONFIG", "GET", key);
            return answer.Length >= 2 ? (string?)answer[1] : null;
        }
        catch (Exception error) when (error is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException)
        {
            return null;
        }
    }

    /// <summary>Whether Redis writes nothing to disk; false if that is unknown.</summary>
    public static async Task<bool> IsPersistenceOffAsync(IServer server) =>
        await ReadAsync(server, "appendonly") == "no" && await ReadAsync(server, "save") is { Length: 0 };

    /// <param name="limits">Such as <c>normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60</c>.</param>
    /// <returns>
    /// How many bytes may wait for a subscriber before Redis disconnects it: at any time (hard), and for longer than a period (soft). Zero is no
    /// limit. Null if the text is invalid.
    /// </returns>
    public static (long Hard, long Soft)? ParsePubSubBuffer(string? limits)
    {
        var words = limits?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        var at = Array.IndexOf(words, "pubsub");
        return at >= 0 && at + 2 < words.Length
            && long.TryParse(words[at + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var hard)
            && long.TryParse(words[at + 2], NumberStyles.None, CultureInfo.InvariantCulture, out var soft)
                ? (hard, soft)
                : null;
    }
}
