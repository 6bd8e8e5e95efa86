using Notifier.Tests.Support;

namespace Notifier.Tests.Browser;

/// <summary>
/// Waits until pages have subscribed or unsubscribed in Redis. Tests cannot choose the names of the demo page, so each test first waits
/// until the page of the previous test has unsubscribed.
/// </summary>
internal static class Listening
{
    private const string Channel = "new-users";

    public static Task NobodyListensAsync(this RedisServer redis) => redis.ListenAsync(subscribers: 0, patterns: 0);

    /// <summary>Waits until the page receives everything published on <c>new-users</c> and on this many patterns.</summary>
    public static Task PageListensAsync(this RedisServer redis, int patterns) => redis.ListenAsync(subscribers: 1, patterns);

    private static async Task ListenAsync(this RedisServer redis, int subscribers, int patterns)
    {
        await Eventually.IsAsync(
            async () => await redis.SubscribersAsync(Channel) == subscribers, $"{subscribers} subscribers of {Channel}");
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == patterns, $"{patterns} patterns");
    }
}
