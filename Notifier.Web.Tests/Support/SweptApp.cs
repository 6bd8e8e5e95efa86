using Microsoft.Extensions.Time.Testing;
using Notifier.Connections;

namespace Notifier.Tests.Support;

/// <summary>
/// An application whose clock the test moves second by second. The clock waits for the liveness sweep, so that the sweep sees each second.
/// </summary>
internal sealed class SweptApp : IAsyncDisposable
{
    private readonly PausableTime time;
    private readonly Liveness liveness;

    private SweptApp(NotifierApp app, PausableTime time)
    {
        App = app;
        this.time = time;
        liveness = app.Liveness;
    }

    public NotifierApp App { get; }

    public DateTimeOffset Now => time.GetUtcNow();

    public int Connections => App.Connections.Count;

    /// <summary>The message logs last a day, so that Notifier does not close slow readers as too slow.</summary>
    public static async Task<SweptApp> StartAsync(string redis, Listen listen, params string[] settings)
    {
        var time = new PausableTime();
        var app = new SweptApp(
            await NotifierApp.StartAsync(redis, listen, time, settings:
                ["History:Recent:Bytes=200000000", "History:Recent:Messages=100000", "History:Recent:Age=1.00:00:00", .. settings]),
            time);
        // The sweep starts its timer shortly after the application has started.
        await Eventually.IsAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return app.liveness.Sweeps > 0;
            },
            "the sweep runs");
        return app;
    }

    /// <summary>
    /// Waits until this many connections are open and were read from. The answer to a handshake precedes the first sweep of its connection,
    /// and a first read some seconds later by this clock would count as a sign of life.
    /// </summary>
    public Task WhenThereAreAsync(int connections) => Eventually.IsAsync(() => Connections == connections && AreRead(), $"there are {connections} connections");

    private bool AreRead()
    {
        var areRead = true;
        App.Connections.ForEach(connection => areRead &= connection.TransportKind == TransportKind.EventStream || connection.Reads > 0);
        return areRead;
    }

    /// <summary>Moves the clock, and runs an action in each second.</summary>
    public async Task AdvanceAsync(int seconds, Func<Task>? each = null)
    {
        for (var second = 0; second < seconds; second++)
        {
            var before = liveness.Sweeps;
            time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.IsAsync(() => liveness.Sweeps > before, "the liveness sweep has run");
            if (each is not null)
                await each();
        }
    }

    /// <summary>
    /// Waits until the connections have run what a sweep has posted, unless they close: a notice that waits for the owner of its connection is not sent if the
    /// clock has moved on too far.
    /// </summary>
    public Task WhenActionsHaveRunAsync()
    {
        var waits = new List<Task>();
        App.Connections.ForEach(connection =>
        {
            var hasRun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            connection.Post(() => hasRun.TrySetResult());
            waits.Add(Task.WhenAny(hasRun.Task, connection.Closed));
        });
        return Task.WhenAll(waits).WaitAsync(Eventually.Limit);
    }

    /// <summary>
    /// Sends something, and waits until the server has read it. The clock runs faster than the server reads, which would look like minutes
    /// of silence.
    /// </summary>
    public async Task HearAsync(Func<Task> say)
    {
        var before = Reads();
        await say();
        await Eventually.IsAsync(() => Reads() > before, "the server has read it");

        int Reads()
        {
            var reads = 0;
            App.Connections.ForEach(connection => reads += connection.Reads);
            return reads;
        }
    }

    /// <summary>
    /// Waits until no connection has made progress for a while, because the clock runs faster than the kernel transfers bytes.
    /// </summary>
    public Task WhenNothingMovesAsync()
    {
        var (before, still) = (-1L, 0);
        return Eventually.IsAsync(
            (Func<bool>)(() =>
            {
                var taken = 0L;
                App.Connections.ForEach((Action<Connection>)(connection => taken += connection.Transport.Progress.Acknowledged));
                still = taken == before ? still + 1 : 0;
                before = taken;
                return still == 20;
            }),
            "no connection makes progress");
    }

    /// <summary>Moves the clock like a pause of the whole process: no timer fires meanwhile.</summary>
    public void Pause(TimeSpan pause) => time.Paused += pause;

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        if (App.Log.Says("A delivery is stuck"))
            throw new InvalidOperationException("The clock of the test has reached the receiver's watchdog, which costs messages.");
    }

    private sealed class PausableTime : FakeTimeProvider
    {
        public TimeSpan Paused { get; set; }

        public override long GetTimestamp() => base.GetTimestamp() + (long)(Paused.TotalSeconds * TimestampFrequency);
    }
}

internal static class NameExpiry
{
    private static readonly TimeSpan Sweep = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Lets that time pass, and then further sweeps, until so many names are left: a sweep leaves a name that Redis has not confirmed yet.
    /// </summary>
    public static Task WhenNamesExpireAsync(this NotifierApp app, FakeTimeProvider time, TimeSpan linger, int left)
    {
        time.Advance(linger - Sweep);
        return Eventually.IsAsync(
            () =>
            {
                time.Advance(Sweep);
                return app.Hub.NameCount == left;
            },
            $"{left} names are left");
    }
}
