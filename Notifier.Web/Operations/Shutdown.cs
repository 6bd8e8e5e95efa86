using Notifier.Connections;
using Notifier.Messages;

namespace Notifier.Operations;

/// <summary>
/// On the way out, before anything else stops: every client is told that the server goes away and when to come back, and
/// those that do not take it in time are aborted.
/// </summary>
internal sealed class Shutdown(ConnectionRegistry connections, TimeProvider time) : IHostedLifecycleService
{
    /// <summary>How long the host waits for everything to stop. A container gets 10 s before it is killed.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(3);

    /// <summary>Over how many seconds clients spread their return.</summary>
    private const double ReturnWithin = 5;

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        // Spread at random, so that not all come back at once; nothing here needs to be unpredictable.
        var closed = connections.CloseAllAsync(() => CloseReason.GoingAway(ReturnWithin * Random.Shared.NextDouble()));
        try
        {
            await closed.WaitAsync(CloseLimit, time, cancellationToken);
        }
        catch (Exception error) when (error is TimeoutException or OperationCanceledException)
        {
            connections.ForEach(connection => connection.Abort());
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
