using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>Why messages were not published, or perhaps not.</summary>
/// <param name="Message">For people.</param>
/// <param name="IsForGood">Whether it is no use to try again: Redis does not allow the channel.</param>
/// <param name="At">Which of the messages was the first that failed.</param>
/// <param name="Published">How many of the messages Redis has taken, as far as is known.</param>
internal sealed record PublishFailure(string Message, bool IsForGood, int At = 0, int Published = 0);

/// <summary>Publishes on Redis for those who have no client for it. Thread-safe.</summary>
/// <remarks>
/// While the library has no connection it keeps what it is given (BacklogPolicy.Default), and drops it when it times out: what was
/// said to have failed then is not published later. What was written to a Redis that hangs may still be: it is said so.
/// </remarks>
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
        var (counts, failure) = await SendAsync(messages.Select(message =>
            (Func<ConnectionMultiplexer, Task<long>>)(redis => redis.GetSubscriber().PublishAsync(names.ToPublish(message.Channel), message.Payload))));
        return ([.. counts.Select(count => IsCluster ? (long?)null : count)], failure);
    }

    /// <summary>Whether what Redis counts is only what one of its servers knows.</summary>
    public bool IsCluster => backplane.Connected is not null && backplane.IsCluster;

    /// <summary>Has all of them sent in this order, and then waits for the answers.</summary>
    /// <returns>The answers that came, and why not more.</returns>
    public async Task<(List<T> Answers, PublishFailure? Failure)> SendAsync<T>(IEnumerable<Func<ConnectionMultiplexer, Task<T>>> commands)
    {
        if (backplane.Connected is not { } redis)
            return ([], new("Redis is away: nothing was published; try again", IsForGood: false));
        // Awaited at once, so that what a connection says that is just being replaced is an answer, too.
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
                    Log.Failed(logger, error.Message);      // once for all: the others say the same
                failure ??= Describe(error) with { At = n };
            }
        }
        return (answers, failure is null ? null : failure with { Published = answers.Count });
    }

    private static PublishFailure Describe(Exception error) => error switch
    {
        RedisServerException when error.Message.StartsWith("NOPERM", StringComparison.Ordinal) =>
            new("Redis does not allow Notifier to publish on this channel (its ACL)", IsForGood: true),
        RedisServerException => new($"Redis refuses: {error.Message}", IsForGood: false),
        _ => new("Redis did not answer: it may or may not have been published", IsForGood: false),
    };

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "A message could not be published: {Error}")]
        public static partial void Failed(ILogger logger, string error);
    }
}
