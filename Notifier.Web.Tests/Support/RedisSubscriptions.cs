namespace Notifier.Tests.Support;

internal static class RedisSubscriptions
{
    /// <summary>Waits until nobody subscribes to anything: for a Redis of the test's own.</summary>
    public static Task IsEmptyAsync(this RedisServer redis) => Eventually.IsAsync(
        async () => (await redis.ChannelsAsync()).Length == 0 && await redis.PatternsAsync() == 0, "nothing is subscribed in Redis any more");
}
