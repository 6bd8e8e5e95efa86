using Notifier.Tests.Support;

namespace Notifier.Tests.Browser;

/// <summary>
/// Whether Redis has subscribers for what pages ask for. Tests cannot choose those names, so each begins when the page of the one
/// before is gone.
/// </summary>
internal static class Listening
{
    private const string Channel = "new-users";

    public static Task NobodyListensAsync(this RedisServer redis) => redis.ListenAsync(subscribers: 0, patterns: 0);

    /// <summary>What is published on <c>new-users</c>, and on that many patterns, will reach the page from now on.</summary>
    public static Task PageListensAsync(this RedisServer redis, int patterns) => redis.ListenAsync(subscribers: 1, patterns);

    private static async Task ListenAsync(this RedisServer redis, int subscribers, int patterns)
    {
        await Eventually.IsAsync(
            async () => await redis.SubscribersAsync(Channel) == subscribers, $"{subscribers} subscribers of {Channel}");
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == patterns, $"{patterns} patterns");
    }
}
