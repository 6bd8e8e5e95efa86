using System.Runtime.InteropServices;
using Microsoft.Extensions.Options;
using Notifier.Connections;
using Notifier.Messages;

namespace Notifier.Operations;

/// <summary>
/// Shuts down gracefully, before other services stop: Notifier refuses new connections, tells every client when to reconnect, and closes the
/// connections over the drain period, so that clients do not all reconnect to other nodes at once. Connections that do not close in time are aborted.
/// </summary>
internal sealed partial class Shutdown : IHostedLifecycleService, IDisposable
{
    /// <summary>How long everything may take to stop, after the drain period.</summary>
    public static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    /// <summary>Seconds, within which clients are told to reconnect at random times.</summary>
    private const double ReconnectWithin = 5;

    private readonly ConnectionRegistry connections;
    private readonly Admission admission;
    private readonly TimeProvider time;
    private readonly ILogger<Shutdown> logger;
    private readonly TimeSpan period;
    private readonly CancellationTokenSource skipDrain = new();
    private readonly List<PosixSignalRegistration> signals;
    private int signalCount;

    public Shutdown(
        ConnectionRegistry connections, Admission admission, IOptions<OperationsOptions> options, IHostEnvironment environment, TimeProvider time,
        ILogger<Shutdown> logger)
    {
        this.connections = connections;
        this.admission = admission;
        this.time = time;
        this.logger = logger;
        period = DrainPeriodOf(options.Value, environment);
        signals = [Watch(PosixSignal.SIGTERM), Watch(PosixSignal.SIGINT)];
    }

    /// <summary>As configured; by default zero in Development, so that a developer does not wait.</summary>
    public static TimeSpan DrainPeriodOf(OperationsOptions options, IHostEnvironment environment) =>
        options.DrainPeriod ?? (environment.IsDevelopment() ? TimeSpan.Zero : TimeSpan.FromSeconds(10));

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        admission.StopAccepting();
        await DrainAsync(cancellationToken);
        var closed = connections.CloseAllAsync(GoingAway);
        try
        {
            await closed.WaitAsync(CloseTimeout, time, cancellationToken);
        }
        catch (Exception error) when (error is TimeoutException or OperationCanceledException)
        {
            connections.ForEach(connection => connection.Abort());
        }
    }

    public void Dispose()
    {
        signals.ForEach(static signal => signal.Dispose());
        skipDrain.Dispose();
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task DrainAsync(CancellationToken hostLimit)
    {
        var closing = connections.Snapshot().Select(connection => (Connection: connection, Reason: GoingAway())).ToArray();
        if (closing.Length == 0 || period == TimeSpan.Zero)
            return;
        // The host's limit uses the system's clock, even if a test replaces Notifier's.
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(skipDrain.Token, hostLimit);
        Log.Draining(logger, closing.Length, period);
        foreach (var (connection, reason) in closing)
            connection.Announce(reason);
        Random.Shared.Shuffle(closing);
        var began = time.GetTimestamp();
        for (var n = 0; n < closing.Length; n++)
        {
            while (!limit.IsCancellationRequested && time.GetElapsedTime(began) < period * n / closing.Length)
                await Task.Delay(Step, time, limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _ = closing[n].Connection.CloseAsync(closing[n].Reason);
        }
    }

    /// <summary>With a random time, so that clients do not all reconnect at once. It need not be unpredictable.</summary>
    private static CloseReason GoingAway() => CloseReason.GoingAway(ReconnectWithin * Random.Shared.NextDouble());

    /// <summary>The host handles the first signal, which starts the shutdown. The second one skips the drain period.</summary>
    private PosixSignalRegistration Watch(PosixSignal signal) => PosixSignalRegistration.Create(signal, _ =>
    {
        if (Interlocked.Increment(ref signalCount) > 1)
            skipDrain.Cancel();
    });

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Going away: {Connections} connections are closed within {Period}. (A second signal closes them at once.)")]
        public static partial void Draining(ILogger logger, int connections, TimeSpan period);
    }
}
