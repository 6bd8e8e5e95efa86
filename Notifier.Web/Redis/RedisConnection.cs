using System.Collections.Concurrent;
using System.Net;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// Hears what the library tells of one of its connections, sorts out what that means, and passes it on to the backplane as long as that one listens by it.
/// </summary>
internal sealed class RedisConnection
{
    /// <summary>How long to wait before asking again.</summary>
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(100);

    /// <summary>The library's own limit is 2 s; where it forgets a ping, nobody may wait for ever.</summary>
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(10);

    private static readonly EndPoint NoEndPoint = new IPEndPoint(0, 0);

    private readonly RedisBackplane backplane;
    private readonly ConnectionMultiplexer multiplexer;
    private readonly TimeProvider time;
    private readonly ConcurrentDictionary<EndPoint, int> restorations = [];

    /// <summary>How many losses of the subscription connection the library has reported.</summary>
    private readonly ConcurrentDictionary<EndPoint, int> losses = [];

    private int isAwaiting;

    public RedisConnection(RedisBackplane backplane, ConnectionMultiplexer multiplexer, TimeProvider time)
    {
        this.backplane = backplane;
        this.multiplexer = multiplexer;
        this.time = time;
        multiplexer.ConnectionFailed += (_, failed) => OnFailed(failed.EndPoint ?? NoEndPoint, failed.ConnectionType);
        multiplexer.ConnectionRestored += (_, restored) => _ = OnRestoredAsync(restored.EndPoint ?? NoEndPoint, restored.ConnectionType);
    }

    private bool IsInUse => multiplexer == backplane.Current && !backplane.Stopping.IsCancellationRequested;

    /// <summary>
    /// Whether Redis answers on the connection for subscriptions. The library opens it when it is first used, and would then ask twice for each name that
    /// waits for it: so this comes before.
    /// </summary>
    public async Task<bool> TryPingAsync()
    {
        try
        {
            await multiplexer.GetSubscriber().PingAsync().WaitAsync(AnswerWithin);
            return true;
        }
        catch (RedisServerException error) when (error.Message.StartsWith("NOPERM", StringComparison.Ordinal))
        {
            return true;    // an answer too: its ACL has no PING for us
        }
        catch (Exception error) when (error is RedisException or TimeoutException or ObjectDisposedException)
        {
            if (multiplexer.IsConnected)
                backplane.Health.Report(error);
            return false;
        }
    }

    /// <summary>
    /// It is connected, and Redis may answer with errors: it loads its data, for instance. No event tells when that is over. Called any number of times.
    /// </summary>
    public async Task AwaitAnswerAsync()
    {
        if (Interlocked.Exchange(ref isAwaiting, 1) == 1)
            return;
        while (IsInUse && !await TryPingAsync())
            await RetryLaterAsync();
        Volatile.Write(ref isAwaiting, 0);
        if (IsInUse)
            backplane.Health.ReportBack();
    }

    private void OnFailed(EndPoint server, ConnectionType type)
    {
        // The library tells each event on a thread of its own: this one may come after that of the return.
        var isBack = multiplexer.IsConnected && multiplexer.GetSubscriber().IsConnected();
        if (type == ConnectionType.Subscription)
        {
            if (isBack && losses.GetValueOrDefault(server) >= restorations.GetValueOrDefault(server) - 1)
                return;     // the return tells of it, or has done so
            losses.AddOrUpdate(server, 1, static (_, before) => before + 1);
        }
        if (!IsInUse)
            return;
        backplane.OnConnectionLost(multiplexer);
        // The library calls a server connected that answers each command with an error.
        if (isBack)
            _ = AwaitAnswerAsync();
    }

    private async Task OnRestoredAsync(EndPoint server, ConnectionType type)
    {
        // Each server, and each replica, is connected to for a first time: nothing was lost then.
        var number = type == ConnectionType.Subscription
            ? restorations.AddOrUpdate(server, 1, static (_, before) => before + 1)
            : restorations.GetValueOrDefault(server);
        if (!IsInUse)
            return;     // it is being replaced, or was
        if (number > 1)
            backplane.OnRestoring();
        // The library has asked for all its names again before this ping, on the same connection: its answer says that
        // Redis has confirmed them. And it opens that connection, if the other one was first.
        while (!await TryPingAsync())
        {
            await RetryLaterAsync();
            if (!IsInUse || number != restorations.GetValueOrDefault(server))
                return;     // lost again meanwhile, and back
        }
        if (!IsInUse)
            return;
        // Of a loss within a second of the last one the library may not tell.
        if (type == ConnectionType.Subscription && losses.GetValueOrDefault(server) < number - 1)
        {
            losses[server] = number - 1;
            backplane.OnConnectionLost(multiplexer);
        }
        backplane.OnAnswered(hasNames: type == ConnectionType.Subscription, wasLost: number > 1);
    }

    private async Task RetryLaterAsync() =>
        await Task.Delay(RetryAfter, time, backplane.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
