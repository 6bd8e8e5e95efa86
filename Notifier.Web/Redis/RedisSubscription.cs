using System.Net;
using Notifier.Messages;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// One name on Redis, from the SUBSCRIBE to the UNSUBSCRIBE; it lives once. One worker goes through it in that order, and
/// begins after its predecessor of the same name has ended: the last unsubscribe racing the first subscribe of a name
/// would leave it deaf.
/// </summary>
internal sealed partial class RedisSubscription
{
    private readonly RedisBackplane backplane;
    private readonly RedisChannel channel;
    private readonly Name name;
    private readonly Func<ChannelMessageQueue, Task> receive;
    private readonly ILogger logger;
    private readonly TaskCompletionSource<string?> live = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource leaving = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ISubscriber? subscriber;

    /// <summary>Where the name was at the last look; null when it was nowhere.</summary>
    private EndPoint? seenAt;

    /// <param name="backplane">The connection.</param>
    /// <param name="channel">The name as Redis knows it.</param>
    /// <param name="name">The name.</param>
    /// <param name="predecessor">Ends when an earlier subscription of the same name has left Redis.</param>
    /// <param name="receive">Called once, with all that is delivered from the confirmation on; ends when the queue is completed.</param>
    /// <param name="logger">Where it says what went wrong.</param>
    public RedisSubscription(
        RedisBackplane backplane, RedisChannel channel, Name name, Task predecessor, Func<ChannelMessageQueue, Task> receive, ILogger logger)
    {
        this.backplane = backplane;
        this.channel = channel;
        this.name = name;
        this.receive = receive;
        this.logger = logger;
        Gone = RunAsync(predecessor);
    }

    /// <summary>
    /// Completes when Redis has confirmed the name: with null; or with the reason, when Redis refuses it. While Redis is
    /// away it waits. Shared by all who want the name.
    /// </summary>
    public Task<string?> Live => live.Task;

    /// <summary>Completes when it has left Redis, or was never there.</summary>
    public Task Gone { get; }

    /// <summary>
    /// Whether Redis has confirmed the name, on the present connection. False while it is away, and when it has come back and refused
    /// what it allowed before.
    /// </summary>
    public bool IsConfirmed =>
        live.Task is { IsCompletedSuccessfully: true, Result: null }
        && subscriber!.Multiplexer == backplane.Current
        && subscriber.SubscribedEndpoint(channel) is not null;

    /// <summary>
    /// Whether the name was away since the last look, or has moved to another server of Redis, for which the library tells no event when
    /// both had been connected. Called by one sweep; and when a return has been told of, so that it is not told of twice.
    /// </summary>
    public bool HasMoved()
    {
        if (live.Task is not { IsCompletedSuccessfully: true, Result: null })
            return false;
        var now = IsConfirmed ? subscriber!.SubscribedEndpoint(channel) : null;
        var before = Interlocked.Exchange(ref seenAt, now);
        return now is not null && !now.Equals(before);
    }

    /// <summary>Whether it was confirmed on a connection that has been replaced meanwhile.</summary>
    public bool IsStranded => live.Task is { IsCompletedSuccessfully: true, Result: null } && subscriber!.Multiplexer != backplane.Current;

    /// <summary>
    /// Leaves as soon as the name is confirmed. (What is unsubscribed before that stays in Redis for ever once it wakes.)
    /// </summary>
    public void Leave() => leaving.TrySetResult();

    private async Task RunAsync(Task predecessor)
    {
        await Task.Yield();     // never in the thread, and under the lock, of whoever created it
        try
        {
            await predecessor;
            if (await SubscribeAsync() is not { } queue)
                return;
            var receiving = receive(queue);
            seenAt = subscriber!.SubscribedEndpoint(channel);
            live.TrySetResult(null);
            await leaving.Task.WaitAsync(backplane.Stopping);
            // A connection that was replaced: nobody waits for its answer.
            if (subscriber!.Multiplexer == backplane.Current)
                await UnsubscribeAsync(queue);
            else
                End(queue);
            await receiving;
        }
        catch (Exception) when (backplane.Stopping.IsCancellationRequested)
        {
            live.TrySetCanceled();
        }
        catch (Exception error)
        {
            // Only leaving can come here: subscribing tries until it is confirmed or refused.
            Log.LeftInDoubt(logger, name, error.Message);
            live.TrySetResult("internal error");
        }
    }

    /// <summary>
    /// Subscribes until Redis confirms. An attempt that threw leaves the library in doubt: it still holds the name, and
    /// takes it up by itself when Redis is back. Then all it holds of the name is dropped, and it begins anew.
    /// </summary>
    /// <returns>Null when Redis refuses the name.</returns>
    private async Task<ChannelMessageQueue?> SubscribeAsync()
    {
        var inDoubt = false;
        while (true)
        {
            var restoration = backplane.NextRestoration;
            var present = await backplane.SubscriberAsync();
            inDoubt &= present.Multiplexer == subscriber?.Multiplexer;
            subscriber = present;
            try
            {
                if (inDoubt && subscriber.SubscribedEndpoint(channel) is not null)
                {
                    await subscriber.UnsubscribeAsync(channel);
                    inDoubt = false;
                }
                // While Redis is away each attempt would wait for its limit, and leave a queue in the library.
                if (subscriber.IsConnected(channel) && backplane.IsListening)
                {
                    var queue = await subscriber.SubscribeAsync(channel);
                    if (!inDoubt)
                        return queue;
                    continue;   // confirmed, beside what an earlier attempt left: drop both
                }
            }
            catch (RedisServerException error) when (error.Message.StartsWith("NOPERM", StringComparison.Ordinal))
            {
                Log.Refused(logger, name);
                live.TrySetResult("Redis does not allow this name (its ACL)");
                await subscriber.UnsubscribeAsync(channel);
                return null;
            }
            catch (Exception error) when (error is RedisException or TimeoutException or ObjectDisposedException)
            {
                if (!inDoubt && error is RedisServerException)
                    Log.NotYet(logger, name, error.Message);
                inDoubt = true;
            }
            await backplane.WhenWorthAnotherLookAsync(restoration);
        }
    }

    private static async Task UnsubscribeAsync(ChannelMessageQueue queue)
    {
        try
        {
            await queue.UnsubscribeAsync();
        }
        finally
        {
            // After an attempt that threw, the library holds the queue no more, and has not ended it.
            End(queue);
        }
    }

    private static void End(ChannelMessageQueue queue)
    {
        try
        {
            queue.Unsubscribe();
        }
        catch (ObjectDisposedException)
        {
            // Of a connection that was replaced: now the queue has let go of it, and can be ended.
            queue.Unsubscribe();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Redis does not allow {Name}: its ACL gives this user no such channel.")]
        public static partial void Refused(ILogger logger, Name name);

        [LoggerMessage(LogLevel.Warning, "{Name} is not subscribed yet; trying until it is: {Error}")]
        public static partial void NotYet(ILogger logger, Name name, string error);

        [LoggerMessage(LogLevel.Warning, "{Name} may still be subscribed in Redis: {Error}")]
        public static partial void LeftInDoubt(ILogger logger, Name name, string error);
    }
}
