using Notifier.Names;
using StackExchange.Redis;

namespace Notifier.Tests.Support;

/// <summary>Waiting until a name is subscribed, and publishing much.</summary>
internal static class Subscribed
{
    /// <summary>What <see cref="WhenPatternIsLiveAsync"/> publishes until it is heard.</summary>
    public const string Probe = "probe";

    /// <summary>Waits until so many connections hold the channel, and Redis has it.</summary>
    public static async Task WhenChannelIsLiveAsync(this RedisServer redis, NotifierApp app, string channel, int holders = 1)
    {
        await Eventually.IsAsync(() => app.Hub.References(Name.Channel(channel)) == holders, $"{holders} connections hold {channel}");
        await Eventually.IsAsync(async () => await redis.SubscribersAsync(channel) == 1, $"{channel} is subscribed");
    }

    /// <summary>The same for a pattern. Its holders receive some <see cref="Probe"/>s first, for Redis does not tell otherwise.</summary>
    public static async Task WhenPatternIsLiveAsync(this RedisServer redis, NotifierApp app, string pattern, string channel, int holders = 1)
    {
        await Eventually.IsAsync(() => app.Hub.References(Name.Pattern(pattern)) == holders, $"{holders} connections hold {pattern}");
        await Eventually.IsAsync(async () => await redis.PublishAsync(channel, Probe) >= 1, $"{pattern} is subscribed");
    }

    /// <summary>Publishes without waiting for each; the task ends when Redis has all of them.</summary>
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
