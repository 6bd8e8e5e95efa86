using System.Collections.Concurrent;
using System.Net;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>Receives the events of the subscription connection. Called from any thread.</summary>
internal interface IConnectionObserver
{
    /// <summary>The connection was lost.</summary>
    /// <param name="lost">The connection.</param>
    /// <param name="failure">What the library reports; null if it reported nothing in time.</param>
    void OnLost(ConnectionMultiplexer lost, ConnectionFailedEventArgs? failure);

    /// <summary>The library is about to subscribe all names again.</summary>
    void OnRestoring();

    /// <summary>Redis answers.</summary>
    /// <param name="isSubscription">Whether the event is about the multiplexer's connection for subscriptions, and not about its interactive one.</param>
    /// <param name="wasLost">False when the library connects for the first time, which it reports too.</param>
    /// <param name="knownLosses">Of <see cref="RedisHealth.Losses"/>, those that precede the answer.</param>
    void OnAnswered(bool isSubscription, bool wasLost, int knownLosses);
}

/// <summary>
/// Interprets what the library reports about one multiplexer, and notifies the observer while that multiplexer is the subscription connection.
/// </summary>
internal sealed class RedisConnectionMonitor
{
    /// <summary>The pause between two attempts.</summary>
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(100);

    /// <summary>The library's own limit is 2 s. This one is needed where the library forgets a ping.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(10);

    private static readonly EndPoint NoEndPoint = new IPEndPoint(0, 0);

    private readonly IConnectionObserver observer;
    private readonly ConnectionMultiplexer multiplexer;
    private readonly ConnectionPair inUse;
    private readonly RedisHealth health;
    private readonly TimeProvider time;
    private readonly CancellationToken stopping;
    private readonly ConcurrentDictionary<EndPoint, int> restorations = [];

    /// <summary>How many losses of the subscription connection the library has reported.</summary>
    private readonly ConcurrentDictionary<EndPoint, int> losses = [];

    private int isAwaiting;

    /// <summary>Begins to observe the connection. Created before its first ping, so that no event is missed.</summary>
    public RedisConnectionMonitor(
        IConnectionObserver observer, ConnectionMultiplexer multiplexer, ConnectionPair inUse, RedisHealth health, TimeProvider time, CancellationToken stopping)
    {
        this.observer = observer;
        this.multiplexer = multiplexer;
        this.inUse = inUse;
        this.health = health;
        this.time = time;
        this.stopping = stopping;
        multiplexer.ConnectionFailed += (_, failed) => OnFailed(failed.EndPoint ?? NoEndPoint, failed);
        multiplexer.ConnectionRestored += (_, restored) => _ = OnRestoredAsync(restored.EndPoint ?? NoEndPoint, restored.ConnectionType);
    }

    /// <summary>Whether the library calls both connections of the multiplexer connected.</summary>
    private bool IsConnected => multiplexer.IsConnected && multiplexer.GetSubscriber().IsConnected();

    private bool IsInUse => multiplexer == inUse.SubscriptionConnection && !stopping.IsCancellationRequested;

    /// <summary>
    /// Whether Redis answers on the subscription connection. The library opens that connection at its first use. If that were a subscription, the
    /// library would subscribe each waiting name twice, so a ping comes first.
    /// </summary>
    public Task<bool> TryPingAsync() => TryPingAsync(multiplexer, health);

    /// <inheritdoc cref="TryPingAsync()"/>
    public static async Task<bool> TryPingAsync(ConnectionMultiplexer multiplexer, RedisHealth health)
    {
        try
        {
            await multiplexer.GetSubscriber().PingAsync().WaitAsync(AnswerTimeout);
            return true;
        }
        catch (RedisServerException error) when (error.Message.StartsWith("NOPERM", StringComparison.Ordinal))
        {
            return true;    // an answer too: the ACL does not allow PING
        }
        catch (Exception error) when (error is RedisException or TimeoutException or ObjectDisposedException)
        {
            if (multiplexer.IsConnected)
                health.Report(error);
            return false;
        }
    }

    /// <summary>Pings, and reports that Redis is back if it answers.</summary>
    public static async Task<bool> TryReportBackAsync(ConnectionMultiplexer multiplexer, RedisHealth health)
    {
        var known = health.Losses;
        return await TryPingAsync(multiplexer, health) && health.TryReportBack(known);
    }

    /// <summary>
    /// Waits until Redis answers without an error: it may, for example, still load its data although it is connected. No event says when that ends. May be
    /// called any number of times.
    /// </summary>
    public async Task AwaitAnswerAsync()
    {
        if (Interlocked.Exchange(ref isAwaiting, 1) == 1)
            return;
        while (IsInUse && !await TryReportBackAsync(multiplexer, health))
            await WaitBeforeRetryAsync();
        Volatile.Write(ref isAwaiting, 0);
    }

    private void OnFailed(EndPoint server, ConnectionFailedEventArgs failure)
    {
        if (failure.ConnectionType == ConnectionType.Subscription)
        {
            // The library raises each event on a thread of its own: the loss may arrive after the return.
            if (IsConnected && losses.GetValueOrDefault(server) >= restorations.GetValueOrDefault(server) - 1)
                return;     // OnRestoredAsync reports the loss, or has done so
            losses.AddOrUpdate(server, 1, static (_, before) => before + 1);
        }
        if (!IsInUse)
            return;
        observer.OnLost(multiplexer, failure);
        // For the library a server that answers each command with an error is connected. Both connections may also have returned before this report, and then
        // no other event follows.
        if (IsConnected)
            _ = AwaitAnswerAsync();
    }

    private async Task OnRestoredAsync(EndPoint server, ConnectionType type)
    {
        // The library reports the first connection to each server, and to each replica, too: nothing was lost then.
        var number = type == ConnectionType.Subscription
            ? restorations.AddOrUpdate(server, 1, static (_, before) => before + 1)
            : restorations.GetValueOrDefault(server);
        if (!IsInUse)
            return;     // another connection replaces this one, or has replaced it
        if (number > 1)
            observer.OnRestoring();
        // The library has subscribed all its names again before this ping, on the same connection: an answer means that
        // Redis has confirmed them. The ping also opens that connection if only the interactive one is open.
        while (true)
        {
            var known = health.Losses;
            if (!await TryPingAsync())
            {
                await WaitBeforeRetryAsync();
                if (!IsInUse || number != restorations.GetValueOrDefault(server))
                    return;     // lost and restored again: the later event has its own task
            }
            else if (!IsInUse)
                return;
            else if (type == ConnectionType.Subscription && losses.GetValueOrDefault(server) < number - 1)
            {
                // The library may not report a loss within a second of the last one.
                losses[server] = number - 1;
                observer.OnLost(multiplexer, failure: null);
            }
            else
            {
                observer.OnAnswered(isSubscription: type == ConnectionType.Subscription, wasLost: number > 1, known);
                return;
            }
        }
    }

    private async Task WaitBeforeRetryAsync() =>
        await Task.Delay(RetryAfter, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
