namespace Notifier.Tests.Support;

/// <summary>
/// Runs what blocks or spins on a thread of its own. On the thread pool it would occupy one of the few threads that all servers and clients of this process
/// share, and their timeouts would pass.
/// </summary>
internal static class OwnThread
{
    public static Task<T> RunAsync<T>(Func<T> run) => Task.Factory.StartNew(run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    public static Task RunAsync(Action run) => Task.Factory.StartNew(run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
