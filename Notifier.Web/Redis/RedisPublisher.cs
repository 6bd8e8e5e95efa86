using Notifier.Messages;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>Why messages were not published, or perhaps not.</summary>
/// <param name="Message">For people.</param>
/// <param name="IsForGood">Whether it is no use to try again: Redis does not allow the channel.</param>
/// <param name="Published">How many of the messages Redis has taken, as far as is known.</param>
internal sealed record PublishFailure(string Message, bool IsForGood, int Published);

/// <summary>Publishes on Redis for those who have no client for it. Thread-safe.</summary>
internal sealed partial class RedisPublisher(RedisBackplane backplane, RedisNames names, ILogger<RedisPublisher> logger)
{
    /// <summary>Publishes in this order, on one connection. Never waits for a Redis that is away.</summary>
    /// <param name="messages">Channels as browsers know them, and payloads.</param>
    /// <returns>
    /// To how many clients of Redis (servers such as this one, not browsers) each went; null on a Cluster, where Redis knows only of
    /// those of one node. Or why not.
    /// </returns>
    public async Task<(long?[] Receivers, PublishFailure? Failure)> PublishAsync(IReadOnlyList<(string Channel, byte[] Payload)> messages)
    {
        if (backplane.Connected is not { } redis)
            return ([], new("Redis is away: nothing was published; try again", IsForGood: false, Published: 0));
        var subscriber = redis.GetSubscriber();
        var replies = messages.Select(message => subscriber.PublishAsync(names.ToRedis(Name.Channel(message.Channel)), message.Payload)).ToList();
        var isCluster = redis.GetServers().Any(static server => server.ServerType == ServerType.Cluster);
        var receivers = new List<long?>();
        PublishFailure? failure = null;
        foreach (var reply in replies)
        {
            try
            {
                var count = await reply;
                receivers.Add(isCluster ? null : count);
            }
            catch (Exception error) when (error is RedisException or TimeoutException or ObjectDisposedException)
            {
                Log.Failed(logger, error.Message);
                failure ??= Describe(error);
            }
        }
        return ([.. receivers], failure is null ? null : failure with { Published = receivers.Count });
    }

    private static PublishFailure Describe(Exception error) => error switch
    {
        RedisServerException when error.Message.StartsWith("NOPERM", StringComparison.Ordinal) =>
            new("Redis does not allow Notifier to publish on this channel (its ACL)", IsForGood: true, 0),
        RedisServerException => new($"Redis refuses: {error.Message}", IsForGood: false, 0),
        _ => new("Redis did not answer: it may or may not have been published", IsForGood: false, 0),
    };

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "A message could not be published: {Error}")]
        public static partial void Failed(ILogger logger, string error);
    }
}
