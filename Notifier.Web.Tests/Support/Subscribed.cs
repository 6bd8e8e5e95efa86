using Notifier.Names;
using StackExchange.Redis;

namespace Notifier.Tests.Support;

/// <summary>Waits until a name is subscribed, and publishes many messages.</summary>
internal static class Subscribed
{
    /// <summary>The message that <see cref="WhenPatternIsLiveAsync"/> publishes until Redis delivers it.</summary>
    public const string Probe = "probe";

    /// <summary>Waits until this many connections are subscribed to the channel, and Redis has the subscription.</summary>
    public static async Task WhenChannelIsLiveAsync(this RedisServer redis, NotifierApp app, string channel, int subscribers = 1)
    {
        await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Channel(channel)) == subscribers, $"{subscribers} connections are subscribed to {channel}");
        await Eventually.IsAsync(async () => await redis.SubscribersAsync(channel) == 1, $"{channel} is subscribed");
    }

    /// <summary>
    /// The same for a pattern. Its subscribers first receive some <see cref="Probe"/>s, because Redis does not report the subscribers of
    /// one pattern.
    /// </summary>
    public static async Task WhenPatternIsLiveAsync(this RedisServer redis, NotifierApp app, string pattern, string channel, int subscribers = 1)
    {
        await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Pattern(pattern)) == subscribers, $"{subscribers} connections are subscribed to {pattern}");
        await Eventually.IsAsync(async () => await redis.PublishAsync(channel, Probe) >= 1, $"{pattern} is subscribed");
    }

    /// <summary>Publishes without waiting for each message. The task ends when Redis has all of them.</summary>
    public static async Task PublishAllAsync(this RedisServer redis, string channel, IEnumerable<RedisValue> payloads)
    {
        var subscriber = redis.Connection.GetSubscriber();
        var inFlight = 0;
        foreach (var payload in payloads)
        {
            if (++inFlight % 256 == 0)
                await subscriber.PublishAsync(RedisChannel.Literal(channel), payload);
            else
                await subscriber.PublishAsync(RedisChannel.Literal(channel), payload, CommandFlags.FireAndForget);
        }
        await subscriber.PingAsync();
    }
}
