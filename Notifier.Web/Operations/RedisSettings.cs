using System.Globalization;
using StackExchange.Redis;

namespace Notifier.Operations;

/// <summary>What a Redis is configured with, as far as it tells: managed ones, and ACLs, often keep CONFIG to themselves.</summary>
internal static class RedisSettings
{
    /// <summary>A connection of its own, for the library lets CONFIG through only where it may do everything. To be disposed of.</summary>
    public static async Task<ConnectionMultiplexer> ConnectAsync(ConfigurationOptions options)
    {
        var own = options.Clone();
        own.AllowAdmin = true;
        return await ConnectionMultiplexer.ConnectAsync(own);
    }

    /// <returns>The value, or null when Redis does not say.</returns>
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

    /// <summary>Whether it writes nothing to disk; not when it does not say.</summary>
    public static async Task<bool> KeepsNothingAsync(IServer server) =>
        await ReadAsync(server, "appendonly") == "no" && await ReadAsync(server, "save") is { Length: 0 };

    /// <param name="limits">Such as <c>normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60</c>.</param>
    /// <returns>
    /// How many bytes may wait for a subscriber before Redis disconnects it: at once, and for some time. Zero is no limit. Null when that is no
    /// such text.
    /// </returns>
    public static (long Hard, long Soft)? BufferOf(string? limits)
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
