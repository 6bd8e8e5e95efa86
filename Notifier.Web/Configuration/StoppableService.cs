namespace Notifier.Configuration;

/// <summary>
/// A background service whose cancellation is not a failure, whenever it comes. The host cancels its services also when the start fails, for example because
/// an address is in use. It would then report each cancelled service as critical, below the line that names the cause.
/// </summary>
internal abstract class StoppableService : BackgroundService
{
    private Task? execution;

    /// <summary>What the host watches: it ends without an error if the service was cancelled.</summary>
    public override Task? ExecuteTask => execution ??= base.ExecuteTask is { } task ? IgnoreCancellationAsync(task) : null;

    private static async Task IgnoreCancellationAsync(Task task)
    {
        try
        {
            await task;
        }
        catch (OperationCanceledException) when (task.IsCanceled)
        {
            // The process ends, or did not start.
        }
    }
}
