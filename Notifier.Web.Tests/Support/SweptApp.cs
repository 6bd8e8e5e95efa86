using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using Notifier.Connections;

namespace Notifier.Tests.Support;

/// <summary>
/// An application whose clock a test moves, second by second, so that the liveness sweep sees each of them: the clock waits for the sweep.
/// </summary>
internal sealed class SweptApp : IAsyncDisposable
{
    private readonly PausableTime time;
    private readonly Liveness liveness;

    private SweptApp(NotifierApp app, PausableTime time)
    {
        App = app;
        this.time = time;
        liveness = app.Services.GetServices<IHostedService>().OfType<Liveness>().Single();
    }

    public NotifierApp App { get; }

    public DateTimeOffset Now => time.GetUtcNow();

    public int Connections => App.Connections.Count;

    /// <summary>Its logs keep a day, so that slow readers stay readers.</summary>
    public static async Task<SweptApp> StartAsync(string redis, Listen listen, params string[] settings)
    {
        var time = new PausableTime();
        var app = new SweptApp(
            await NotifierApp.StartAsync(redis, listen, time, settings:
                ["History:Recent:Bytes=200000000", "History:Recent:Messages=100000", "History:Recent:Age=1.00:00:00", .. settings]),
            time);
        // The sweep starts its timer a little after the application has started.
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
    /// Waits until there are so many, and all are read: a handshake is answered a little before the sweep sees the connection, and a first read that
    /// comes later than some seconds of this clock is a sign of life.
    /// </summary>
    public Task WhenThereAreAsync(int connections) => Eventually.IsAsync(() => Connections == connections && AreRead(), $"there are {connections} connections");

    private bool AreRead()
    {
        var areRead = true;
        App.Connections.ForEach(connection => areRead &= connection.TransportKind == TransportKind.EventStream || connection.Reads > 0);
        return areRead;
    }

    /// <summary>Moves the clock, and does something in each second.</summary>
    public async Task AdvanceAsync(int seconds, Func<Task>? each = null)
    {
        for (var second = 0; second < seconds; second++)
        {
            var before = liveness.Sweeps;
            time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.IsAsync(() => liveness.Sweeps > before, "the liveness sweep comes");
            if (each is not null)
                await each();
        }
    }

    /// <summary>
    /// Has something said, and waits until the server has read it: the clock runs faster than the server reads, which would find minutes
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

    /// <summary>Waits until no peer has taken a byte for a while: the clock runs faster than the kernel carries what is on its way.</summary>
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
            "nothing moves any more");
    }

    /// <summary>Moves the clock as a pause of the whole process does: no timer comes meanwhile.</summary>
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
