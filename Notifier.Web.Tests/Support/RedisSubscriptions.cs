namespace Notifier.Tests.Support;

internal static class RedisSubscriptions
{
    /// <summary>Waits until Redis has no subscriptions. For a Redis that only one test uses.</summary>
    public static Task IsEmptyAsync(this RedisServer redis) => Eventually.IsAsync(
        async () => (await redis.ChannelsAsync()).Length == 0 && await redis.PatternsAsync() == 0, "nothing is subscribed in Redis any more");
}
