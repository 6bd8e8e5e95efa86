using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>Why messages were not published, or may not have been.</summary>
/// <param name="Message">The text for the caller.</param>
/// <param name="IsPermanent">Whether another attempt is useless, because Redis does not allow the channel.</param>
/// <param name="At">The index of the first message that failed.</param>
/// <param name="Published">How many messages Redis has accepted, as far as is known.</param>
internal sealed record PublishFailure(string Message, bool IsPermanent, int At = 0, int Published = 0);

/// <summary>Publishes to Redis for callers that have no Redis client. Thread-safe.</summary>
/// <remarks>
/// While the library has no connection, it queues messages (BacklogPolicy.Default), and drops them when they time out: a message that is reported as failed
/// is not published later. A message that was written to a hung Redis may still be published; the failure says so.
/// </remarks>
internal sealed partial class RedisPublisher(RedisBackplane backplane, RedisNames names, ILogger<RedisPublisher> logger)
{
    /// <summary>Publishes in this order, on one connection. Never waits for a Redis that is away.</summary>
    /// <param name="messages">Channels as browsers know them, and payloads.</param>
    /// <returns>
    /// How many clients of Redis (servers such as this one, not browsers) received each message; null on a Cluster, where each server counts only its own
    /// clients. Or the failure.
    /// </returns>
    public async Task<(long?[] Receivers, PublishFailure? Failure)> PublishAsync(IReadOnlyList<(string Channel, byte[] Payload)> messages)
    {
        var (counts, failure) = await SendAsync(messages.Select(message =>
            (Func<ConnectionMultiplexer, Task<long>>)(redis => redis.GetSubscriber().PublishAsync(names.ToPublish(message.Channel), message.Payload))));
        return ([.. counts.Select(count => IsCluster ? (long?)null : count)], failure);
    }

    /// <summary>Whether Redis counts only the receivers of one of its servers.</summary>
    public bool IsCluster => backplane.ConnectedCommands is not null && backplane.IsCluster;

    /// <summary>Sends all commands in this order, and then waits for the replies.</summary>
    /// <returns>The replies that arrived, and the failure if some did not.</returns>
    public async Task<(List<T> Answers, PublishFailure? Failure)> SendAsync<T>(IEnumerable<Func<ConnectionMultiplexer, Task<T>>> commands)
    {
        if (backplane.ConnectedCommands is not { } redis)
            return ([], new("Redis is unavailable: nothing was published; try again", IsPermanent: false));
        // Awaited at once, so that the exception of a connection that is just being replaced counts as a reply, too.
        var replies = commands.Select(async send => await send(redis)).ToList();
        var answers = new List<T>();
        PublishFailure? failure = null;
        for (var n = 0; n < replies.Count; n++)
        {
            try
            {
                answers.Add(await replies[n]);
            }
            catch (Exception error) when (error is RedisException or TimeoutException or ObjectDisposedException)
            {
                if (failure is null)
                    Log.Failed(logger, error.Message);      // once for all messages: the other errors are the same
                failure ??= Describe(error) with { At = n };
            }
        }
        return (answers, failure is null ? null : failure with { Published = answers.Count });
    }

    private static PublishFailure Describe(Exception error) => error switch
    {
        RedisServerException when error.Message.StartsWith("NOPERM", StringComparison.Ordinal) =>
            new("Redis does not allow Notifier to publish on this channel (its ACL)", IsPermanent: true),
        RedisServerException => new($"Redis refuses: {error.Message}", IsPermanent: false),
        _ => new("Redis did not answer: it may or may not have been published", IsPermanent: false),
    };

    private static partial class Log
    {
        [LoggerMessage(15, LogLevel.Warning, "A message could not be published: {Error}")]
        public static partial void Failed(ILogger logger, string error);
    }
}
