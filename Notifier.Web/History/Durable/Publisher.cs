using System.Globalization;
using Notifier.Names;
using Notifier.Redis;
using StackExchange.Redis;

namespace Notifier.History.Durable;

/// <summary>A message to publish.</summary>
/// <param name="Channel">Without the prefix in Redis.</param>
/// <param name="Payload">The payload.</param>
/// <param name="Key">Of two messages with the same key within 10 minutes, the second is not published. Only on durable channels.</param>
internal readonly record struct PublishRequest(string Channel, byte[] Payload, string? Key = null);

/// <summary>What Redis answered to a message.</summary>
/// <param name="Receivers">How many clients of Redis received it; null on a Cluster, and for a repeated message.</param>
/// <param name="Position">The position after which a client can subscribe; null if the channel is not durable.</param>
/// <param name="IsRepeated">Whether a message with the same key was published before, so that this one was not.</param>
internal readonly record struct PublishResult(long? Receivers, string? Position, bool IsRepeated);

/// <summary>Publishes on Redis: on durable channels by the script that also keeps the message, on others by PUBLISH. Thread-safe.</summary>
internal sealed class Publisher(RedisPublisher redis, RedisNames names, DurableChannels durable)
{
    public bool IsDurable(string channel) => durable.ContainsAll(Name.Channel(channel));

    /// <summary>Publishes in this order. Fails at once while Redis is away.</summary>
    public async Task<(List<PublishResult> Results, PublishFailure? Failure)> PublishAsync(IReadOnlyList<PublishRequest> requests)
    {
        var (results, failure) = await redis.SendAsync(requests.Select(request => IsDurable(request.Channel) ? Durable(request) : Plain(request)));
        return (redis.IsCluster ? results.ConvertAll(static result => result with { Receivers = null }) : results, failure);
    }

    private Func<ConnectionMultiplexer, Task<PublishResult>> Plain(PublishRequest request) => async redis =>
        new(await redis.GetSubscriber().PublishAsync(names.ToPublish(request.Channel), request.Payload), null, IsRepeated: false);

    private Func<ConnectionMultiplexer, Task<PublishResult>> Durable(PublishRequest request) => async redis =>
    {
        var answer = (RedisResult[])(await redis.GetDatabase().ScriptEvaluateAsync(
            JournalScripts.Publish, [JournalScripts.State], [names.ToRedis(Name.Channel(request.Channel)).ToString(), request.Payload, request.Key ?? ""]))!;
        var (position, receivers, isRepeated) = ((string)answer[0]!, (string)answer[1]!, (int)answer[2] == 1);
        return new(isRepeated ? null : long.Parse(receivers, CultureInfo.InvariantCulture), position, isRepeated);
    };
}
