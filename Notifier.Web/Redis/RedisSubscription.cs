using Notifier.Messages;
using Notifier.Redis.Receiver;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// One name in Redis. One worker at a time brings Redis to what is wanted, step by step: the last unsubscribe of a name racing its next subscribe
/// would leave it deaf, and what Redis has not confirmed is never unsubscribed, for it would stay there for ever. Thread-safe.
/// </summary>
internal sealed partial class RedisSubscription
{
    /// <summary>Messages do not come this way (see <see cref="RedisReceiver"/>), but the library wants a handler.</summary>
    private static readonly Action<RedisChannel, RedisValue> NoHandler = static (_, _) => { };

    private readonly Lock gate = new();
    private readonly RedisSubscriptions owner;
    private readonly RedisBackplane backplane;
    private readonly RedisChannel channel;
    private readonly SubscribedName name;
    private readonly ILogger logger;
    private TaskCompletionSource<string?> live = New();
    private IMessageSink? sink;
    private string? refusal;
    private bool isWorking;

    /// <summary>The connection on which the library may have the name. Of the worker.</summary>
    private IConnectionMultiplexer? subscribedOn;

    public RedisSubscription(RedisSubscriptions owner, RedisBackplane backplane, RedisChannel channel, SubscribedName name, ILogger logger)
    {
        this.owner = owner;
        this.backplane = backplane;
        this.channel = channel;
        this.name = name;
        this.logger = logger;
    }

    public RedisChannel Channel => channel;

    public SubscribedName Name => name;

    /// <summary>
    /// Completes when Redis has confirmed the name: with null; or with the reason, when Redis refuses it, after the sink was notified.
    /// While Redis is away it waits. Shared by all who want the name.
    /// </summary>
    public Task<string?> Live => Volatile.Read(ref live).Task;

    /// <summary>Whether Redis has confirmed the name for whoever has it now; it may be away again.</summary>
    public bool IsLive => Refusal is null && Live is { IsCompletedSuccessfully: true, Result: null };

    /// <summary>The reason, when Redis has refused the name.</summary>
    public string? Refusal => Volatile.Read(ref refusal);

    /// <summary>Whether Redis has the name on the present connection.</summary>
    public bool IsConfirmed => name.IsConfirmed;

    /// <summary>Nobody wants it any more, and nothing is being done. Under the owner's lock.</summary>
    public bool IsOver
    {
        get
        {
            lock (gate)
                return sink is null && !isWorking;
        }
    }

    /// <summary>From now on its messages go here. Under the owner's lock, which keeps it from being removed.</summary>
    public void Attach(IMessageSink to)
    {
        lock (gate)
        {
            sink = to;
            Volatile.Write(ref live, New());
            // Where it was about to be unsubscribed, and nobody has begun with that, it simply stays.
            if (name.Attach(to))
                live.SetResult(null);
            Work();
        }
    }

    /// <summary>Unsubscribes it, unless somebody else attaches to it before that begins.</summary>
    public void Release()
    {
        lock (gate)
        {
            sink = null;
            name.Detach();
            Work();
        }
    }

    /// <summary>Redis does not allow it: nobody has it any more. Under the owner's lock. <see cref="EndRefusal"/> follows.</summary>
    /// <returns>Who had it.</returns>
    public IMessageSink? Refuse(string reason)
    {
        lock (gate)
        {
            Volatile.Write(ref refusal, reason);
            var told = sink;
            sink = null;
            name.Detach();
            return told;
        }
    }

    /// <summary>
    /// The sink has been told. A client that <see cref="Live"/> tells may ask for another name at once, and this one must no longer count as
    /// its own.
    /// </summary>
    public void EndRefusal()
    {
        lock (gate)
        {
            if (!live.TrySetResult(refusal))     // it was allowed before
            {
                Volatile.Write(ref live, New());
                live.SetResult(refusal);
            }
        }
    }

    /// <summary>Asks for it again if Redis does not have it. Called when it may have lost it, and by a sweep.</summary>
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
        // Never in the thread, and under the locks, of whoever wants something.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            while (TryBeginStep(out var unsubscribes))
                await (unsubscribes ? UnsubscribeAsync() : SubscribeAsync());
        }
        catch (Exception) when (backplane.Stopping.IsCancellationRequested)
        {
            live.TrySetCanceled();
        }
        catch (Exception error)
        {
            // A mistake of ours; the sweep begins once more.
            Log.Failed(logger, error);
            lock (gate)
                isWorking = false;
        }
        owner.RemoveIfOver(this);
    }

    /// <summary>The next step; none when Redis has the name as it is wanted.</summary>
    private bool TryBeginStep(out bool unsubscribes)
    {
        lock (gate)
        {
            var isWanted = sink is not null;
            if (subscribedOn is not null && subscribedOn != backplane.Current)
                subscribedOn = null;     // it went with its connection
            isWorking = refusal is null && (isWanted ? !name.IsConfirmed : subscribedOn is not null);
            unsubscribes = isWorking && !isWanted && name.IsConfirmed;
            if (unsubscribes)
                name.Forget();
            else if (!isWorking && isWanted)
                live.TrySetResult(null);
            return isWorking;
        }
    }

    /// <summary>One attempt.</summary>
    private async Task SubscribeAsync()
    {
        var restoration = backplane.NextRestoration;
        var subscriber = await backplane.SubscriberAsync();
        var isRepeated = subscribedOn == subscriber.Multiplexer;
        try
        {
            // While Redis is away each attempt would wait for its limit.
            if (subscriber.IsConnected(channel) && backplane.IsListening)
            {
                subscribedOn = subscriber.Multiplexer;
                await subscriber.SubscribeAsync(channel, NoHandler);
                if (name.IsConfirmed)
                    return;
                // The library holds it for subscribed, on a connection that counts no more, or on none.
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
        await subscriber.UnsubscribeAsync(channel);     // the library would ask again at each return of Redis
        subscribedOn = null;
        owner.Refuse(this);
    }

    private async Task UnsubscribeAsync()
    {
        try
        {
            var subscriber = await backplane.SubscriberAsync();
            // A connection that was replaced: nobody waits for its answer.
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
        [LoggerMessage(LogLevel.Warning, "Redis does not allow {Name}: its ACL gives this user no such channel.")]
        public static partial void Refused(ILogger logger, RedisChannel name);

        [LoggerMessage(LogLevel.Warning, "{Name} is not subscribed yet; trying until it is: {Error}")]
        public static partial void NotYet(ILogger logger, RedisChannel name, string error);

        [LoggerMessage(LogLevel.Warning, "{Name} may still be subscribed in Redis: {Error}")]
        public static partial void LeftInDoubt(ILogger logger, RedisChannel name, string error);

        [LoggerMessage(LogLevel.Error, "A mistake of Notifier's own while it subscribed a name; it tries again.")]
        public static partial void Failed(ILogger logger, Exception error);
    }
}
