using System.Globalization;
using Microsoft.Extensions.Options;
using Notifier.Names;
using Notifier.Redis;
using StackExchange.Redis;

namespace Notifier.History.Durable;

/// <summary>A message to publish.</summary>
/// <param name="Channel">Without the prefix in Redis.</param>
/// <param name="Payload">The payload.</param>
/// <param name="Key">Of two messages with the same key within 10 minutes, the second is not published. Only on durable channels.</param>
/// <param name="Scope">Whose key it is.</param>
internal readonly record struct PublishRequest(string Channel, byte[] Payload, string? Key = null, KeyScope Scope = default);

/// <summary>What became of a message. The numbers are those of notifier.lua.</summary>
internal enum PublishStatus
{
    Published = 0,

    /// <summary>The same message with the same key was published before, so this one was not.</summary>
    Repeated = 1,

    /// <summary>Another message with the same key was published before, so this one was not.</summary>
    OtherPayload = 2,

    /// <summary>The owner has stored too many keys; the message was not published.</summary>
    TooManyKeys = 3,
}

/// <summary>What Redis answered to a message.</summary>
/// <param name="Receivers">How many clients of Redis received it; null on a Cluster, and if it was not published.</param>
/// <param name="Position">The position after which a client can subscribe; null if the channel is not durable, or the message was not published.</param>
/// <param name="Status">What became of it.</param>
/// <param name="RetryAfter">In seconds, if there are too many keys.</param>
internal readonly record struct PublishResult(long? Receivers, string? Position, PublishStatus Status = PublishStatus.Published, int RetryAfter = 0);

/// <summary>Publishes on Redis: on durable channels by the script that also keeps the message, on others by PUBLISH. Thread-safe.</summary>
internal sealed class Publisher(RedisPublisher redis, RedisNames names, Journal journal, IOptions<DurableOptions> durable, TimeProvider time)
{
    private static readonly TimeSpan MaxLifetime = TimeSpan.FromHours(2);

    /// <summary>Not for longer than Redis keeps messages.</summary>
    private readonly KnownChannels known = new(durable.Value.Age < MaxLifetime ? durable.Value.Age : MaxLifetime, time);

    public bool IsDurable(string channel) => journal.Channels.ContainsAll(Name.Channel(channel));

    /// <summary>The bytes that messages cost: their payloads, and what Redis needs to keep those on durable channels.</summary>
    public long CostOf(IReadOnlyList<PublishRequest> requests)
    {
        var durable = requests.Where(request => IsDurable(request.Channel)).ToList();
        var newChannels = durable.Select(static request => request.Channel).Distinct().Where(channel => !known.Contains(channel));
        return requests.Sum(static request => (long)request.Payload.Length) + durable.Sum(static request => StoredSize.BesidesPayload(request))
            + newChannels.Sum(StoredSize.OfNewChannel);
    }

    /// <summary>Publishes in this order. Fails at once while Redis is away. The publisher was charged before: see <see cref="CostOf"/>.</summary>
    public async Task<(List<PublishResult> Results, PublishFailure? Failure)> PublishAsync(IReadOnlyList<PublishRequest> requests)
    {
        foreach (var request in requests.Where(request => IsDurable(request.Channel)))
            known.Add(request.Channel);
        var (results, failure) = await SendAsync(requests);
        if (failure is { Published: 0 } && failure.Message.Contains(JournalScripts.NoJournal, StringComparison.Ordinal) && await TryCreateJournalAsync())
            (results, failure) = await SendAsync(requests);
        return (redis.IsCluster ? results.ConvertAll(static result => result with { Receivers = null }) : results, failure);
    }

    private Task<(List<PublishResult> Results, PublishFailure? Failure)> SendAsync(IReadOnlyList<PublishRequest> requests) =>
        redis.SendAsync(requests.Select(request => IsDurable(request.Channel) ? Durable(request) : Plain(request)));

    /// <summary>Redis has just lost its data.</summary>
    private async Task<bool> TryCreateJournalAsync()
    {
        try
        {
            await journal.ReadHeadAsync();
            return true;
        }
        catch (Exception error) when (Journal.IsFault(error))
        {
            return false;
        }
    }

    private Func<ConnectionMultiplexer, Task<PublishResult>> Plain(PublishRequest request) => async redis =>
        new(await redis.GetSubscriber().PublishAsync(names.ToPublish(request.Channel), request.Payload), null);

    private Func<ConnectionMultiplexer, Task<PublishResult>> Durable(PublishRequest request) => async redis =>
    {
        var channel = names.ToRedis(Name.Channel(request.Channel)).ToString();
        RedisValue[] arguments = request.Key is null
            ? [channel, request.Payload]
            : [channel, request.Payload, request.Key, request.Scope.Publisher, request.Scope.Owner, request.Scope.Limit];
        var answer = (RedisResult[])(await redis.GetDatabase().ScriptEvaluateAsync(JournalScripts.Publish, [JournalScripts.State], arguments))!;
        var (position, number, status) = ((string)answer[0]!, long.Parse((string)answer[1]!, CultureInfo.InvariantCulture), (PublishStatus)(int)answer[2]);
        return status switch
        {
            PublishStatus.Published => new(number, position),
            PublishStatus.TooManyKeys => new(null, null, status, (int)number),
            _ => new(null, position, status),
        };
    };
}
