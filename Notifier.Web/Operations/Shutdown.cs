using System.Runtime.InteropServices;
using Microsoft.Extensions.Options;
using Notifier.Connections;
using Notifier.Messages;

namespace Notifier.Operations;

/// <summary>
/// On the way out, before anything else stops: nobody comes in any more, every client is told when to come back, and they are closed
/// over the drain period, so that they do not all come back at once elsewhere. Those that do not take it in time are aborted.
/// </summary>
internal sealed partial class Shutdown : IHostedLifecycleService, IDisposable
{
    /// <summary>How long everything may take to stop, after the drain period.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    /// <summary>Over how many seconds clients spread their return.</summary>
    private const double ReturnWithin = 5;

    private readonly ConnectionRegistry connections;
    private readonly Admission admission;
    private readonly TimeProvider time;
    private readonly ILogger<Shutdown> logger;
    private readonly TimeSpan period;
    private readonly CancellationTokenSource hurry = new();
    private readonly List<PosixSignalRegistration> signals;
    private int signalled;

    public Shutdown(
        ConnectionRegistry connections, Admission admission, IOptions<OperationsOptions> options, IHostEnvironment environment, TimeProvider time,
        ILogger<Shutdown> logger)
    {
        this.connections = connections;
        this.admission = admission;
        this.time = time;
        this.logger = logger;
        period = PeriodOf(options.Value, environment);
        signals = [Watch(PosixSignal.SIGTERM), Watch(PosixSignal.SIGINT)];
    }

    /// <summary>As configured; nobody who develops waits for their own browser.</summary>
    public static TimeSpan PeriodOf(OperationsOptions options, IHostEnvironment environment) =>
        options.DrainPeriod ?? (environment.IsDevelopment() ? TimeSpan.Zero : TimeSpan.FromSeconds(10));

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        admission.Drain();
        await DrainAsync(cancellationToken);
        var closed = connections.CloseAllAsync(Farewell);
        try
        {
            await closed.WaitAsync(CloseLimit, time, cancellationToken);
        }
        catch (Exception error) when (error is TimeoutException or OperationCanceledException)
        {
            connections.ForEach(connection => connection.Abort());
        }
    }

    public void Dispose()
    {
        signals.ForEach(static signal => signal.Dispose());
        hurry.Dispose();
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task DrainAsync(CancellationToken hostLimit)
    {
        var leaving = connections.Snapshot().Select(connection => (Connection: connection, Farewell: Farewell())).ToArray();
        if (leaving.Length == 0 || period == TimeSpan.Zero)
            return;
        // The host's patience ends by the real clock, whatever ours says.
        using var over = CancellationTokenSource.CreateLinkedTokenSource(hurry.Token, hostLimit);
        Log.Draining(logger, leaving.Length, period);
        foreach (var (connection, farewell) in leaving)
            connection.Announce(farewell);
        Random.Shared.Shuffle(leaving);
        var began = time.GetTimestamp();
        for (var n = 0; n < leaving.Length; n++)
        {
            while (!over.IsCancellationRequested && time.GetElapsedTime(began) < period * n / leaving.Length)
                await Task.Delay(Step, time, over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _ = leaving[n].Connection.CloseAsync(leaving[n].Farewell);
        }
    }

    /// <summary>Spread at random, so that not all come back at once; nothing here needs to be unpredictable.</summary>
    private static CloseReason Farewell() => CloseReason.GoingAway(ReturnWithin * Random.Shared.NextDouble());

    /// <summary>The host takes the first signal; the second one is for us: somebody is in a hurry.</summary>
    private PosixSignalRegistration Watch(PosixSignal signal) => PosixSignalRegistration.Create(signal, _ =>
    {
        if (Interlocked.Increment(ref signalled) > 1)
            hurry.Cancel();
    });

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Going away: {Connections} connections are closed within {Period}. (A second signal closes them at once.)")]
        public static partial void Draining(ILogger logger, int connections, TimeSpan period);
    }
}
