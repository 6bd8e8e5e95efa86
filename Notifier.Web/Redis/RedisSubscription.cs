using Notifier.Messages;
using Notifier.Redis.Receiver;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// The subscription of one name in Redis. One worker at a time brings Redis to the wanted state, step by step: if an unsubscribe raced the next subscribe,
/// the name might stay without messages. A name that Redis has not confirmed is never unsubscribed, because it could then stay in Redis for ever.
/// Thread-safe.
/// </summary>
internal sealed partial class RedisSubscription(
    RedisSubscriptions owner, RedisBackplane backplane, RedisChannel channel, SubscribedName name, ILogger logger)
{
    /// <summary>The library requires a handler, but it gets no messages: see <see cref="RedisReceiver"/>.</summary>
    private static readonly Action<RedisChannel, RedisValue> NoHandler = static (_, _) => { };

    private readonly Lock gate = new();
    private TaskCompletionSource<string?> live = New();
    private IMessageSink? sink;
    private string? refusal;
    private bool isWorking;

    /// <summary>The connection on which the library may have the name. Only the worker uses it.</summary>
    private IConnectionMultiplexer? subscribedOn;

    public RedisChannel Channel => channel;

    public SubscribedName Name => name;

    /// <summary>
    /// Completes with null when Redis has confirmed the name; or with the reason when Redis refuses it, after the sink was notified. Does not complete while
    /// Redis is away. Shared by all subscribers of the name.
    /// </summary>
    public Task<string?> Live => Volatile.Read(ref live).Task;

    /// <summary>Whether Redis has confirmed the name for the current sink. Redis may be away again.</summary>
    public bool IsLive => Refusal is null && Live is { IsCompletedSuccessfully: true, Result: null };

    /// <summary>The reason why Redis has refused the name; null if it has not.</summary>
    public string? Refusal => Volatile.Read(ref refusal);

    /// <summary>Whether Redis has confirmed the name on the current connection.</summary>
    public bool IsConfirmed => name.IsConfirmed;

    /// <summary>Whether the name has no sink, and the worker has nothing to do. Called under the owner's lock.</summary>
    public bool IsDone
    {
        get
        {
            lock (gate)
                return sink is null && !isWorking;
        }
    }

    /// <summary>Sends the name's messages to this sink from now on. Called under the owner's lock, which prevents the removal of this subscription.</summary>
    public void Attach(IMessageSink to)
    {
        lock (gate)
        {
            sink = to;
            Volatile.Write(ref live, New());
            // If the worker has not begun to unsubscribe the name, it stays subscribed.
            if (name.Attach(to))
                live.SetResult(null);
            Work();
        }
    }

    /// <summary>Unsubscribes the name, unless another sink attaches before the worker begins with that.</summary>
    public void Release()
    {
        lock (gate)
        {
            sink = null;
            name.Detach();
            Work();
        }
    }

    /// <summary>Redis does not allow the name: it has no sink any more. Called under the owner's lock. <see cref="EndRefusal"/> follows.</summary>
    /// <returns>The sink that the name had.</returns>
    public IMessageSink? Refuse(string reason)
    {
        lock (gate)
        {
            Volatile.Write(ref refusal, reason);
            var removed = sink;
            sink = null;
            name.Detach();
            return removed;
        }
    }

    /// <summary>
    /// Completes <see cref="Live"/>, after the sink was notified: a client that reads it may subscribe another name at once, and this one must not count as
    /// one of its names any more.
    /// </summary>
    public void EndRefusal()
    {
        lock (gate)
        {
            if (!live.TrySetResult(refusal))     // Redis has allowed the name before
            {
                Volatile.Write(ref live, New());
                live.SetResult(refusal);
            }
        }
    }

    /// <summary>Subscribes the name again if Redis does not have it. Called when Redis may have lost it, and by a sweep.</summary>
    public void Reconcile()
    {
        if (name.IsConfirmed)
            return;
        lock (gate)
            Work();
    }

    // ---- the worker --------------------------------------------------------------------------------------------------

    private void Work()
    {
        if (isWorking || refusal is not null)
            return;
        isWorking = true;
        _ = WorkAsync();
    }

    private async Task WorkAsync()
    {
        // Leaves the caller's thread first, and the locks that it has entered.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            while (TryBeginStep(out var unsubscribes))
                await (unsubscribes ? UnsubscribeAsync() : SubscribeAsync());
        }
        catch (Exception) when (backplane.Stopping.IsCancellationRequested)
        {
            // The process ends: connections are closed, so any exception may follow.
            live.TrySetCanceled();
        }
        catch (Exception error)
        {
            // A bug in Notifier; the sweep tries again.
            Log.Failed(logger, error);
            lock (gate)
                isWorking = false;
        }
        owner.RemoveIfDone(this);
    }

    /// <summary>Finds the next step. False when Redis is in the wanted state.</summary>
    private bool TryBeginStep(out bool unsubscribes)
    {
        lock (gate)
        {
            var isWanted = sink is not null;
            if (subscribedOn is not null && subscribedOn != backplane.SubscriptionConnection)
                subscribedOn = null;     // the name was lost with its connection
            isWorking = refusal is null && (isWanted ? !name.IsConfirmed : subscribedOn is not null);
            unsubscribes = isWorking && !isWanted && name.IsConfirmed;
            if (unsubscribes)
                name.Forget();
            else if (!isWorking && isWanted)
                live.TrySetResult(null);
            return isWorking;
        }
    }

    /// <summary>Makes one attempt.</summary>
    private async Task SubscribeAsync()
    {
        var restoration = backplane.NextRestoration;
        var subscriber = await backplane.SubscriberAsync();
        var isRepeated = subscribedOn == subscriber.Multiplexer;
        try
        {
            // While Redis is away each attempt would wait until it times out.
            if (subscriber.IsConnected(channel) && backplane.HasSubscriptionConnection)
            {
                subscribedOn = subscriber.Multiplexer;
                await subscriber.SubscribeAsync(channel, NoHandler);
                if (name.IsConfirmed)
                    return;
                // For the library the name is subscribed, but on a connection that was replaced, or on none.
                if (isRepeated)
                {
                    await subscriber.UnsubscribeAsync(channel);
                    subscribedOn = null;
                    return;
                }
            }
        }
        catch (RedisServerException error) when (error.Message.StartsWith("NOPERM", StringComparison.Ordinal))
        {
            await RefuseAsync(subscriber);
            return;
        }
        catch (Exception error) when (error is RedisException or TimeoutException or ObjectDisposedException)
        {
            if (error is RedisServerException && !isRepeated)
                Log.NotYet(logger, channel, error.Message);
        }
        if (!name.IsConfirmed)
            await backplane.WaitBeforeRetryAsync(restoration);
    }

    private async Task RefuseAsync(ISubscriber subscriber)
    {
        Log.Refused(logger, channel);
        await subscriber.UnsubscribeAsync(channel);     // or the library would subscribe it again whenever Redis returns
        subscribedOn = null;
        owner.OnDenied(this);
    }

    private async Task UnsubscribeAsync()
    {
        try
        {
            var subscriber = await backplane.SubscriberAsync();
            // The answer of a connection that was replaced is not needed.
            if (subscribedOn == subscriber.Multiplexer)
                await subscriber.UnsubscribeAsync(channel);
        }
        catch (Exception error) when (error is RedisException or TimeoutException or ObjectDisposedException)
        {
            Log.LeftInDoubt(logger, channel, error.Message);
        }
        subscribedOn = null;
    }

    private static TaskCompletionSource<string?> New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static partial class Log
    {
        [LoggerMessage(16, LogLevel.Warning, "The Redis ACL of this user does not allow {Name}.")]
        public static partial void Refused(ILogger logger, RedisChannel name);

        [LoggerMessage(17, LogLevel.Warning, "{Name} is not subscribed yet; Notifier keeps trying: {Error}")]
        public static partial void NotYet(ILogger logger, RedisChannel name, string error);

        [LoggerMessage(18, LogLevel.Warning, "{Name} may still be subscribed in Redis: {Error}")]
        public static partial void LeftInDoubt(ILogger logger, RedisChannel name, string error);

        [LoggerMessage(19, LogLevel.Error, "Subscribing a name failed because of a bug in Notifier; it tries again.")]
        public static partial void Failed(ILogger logger, Exception error);
    }
}
