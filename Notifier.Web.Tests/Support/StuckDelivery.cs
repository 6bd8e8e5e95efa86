namespace Notifier.Tests.Support;

/// <summary>Blocks a delivery until the test lets it continue.</summary>
internal sealed class StuckDelivery : IDisposable
{
    private readonly TaskCompletionSource reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ManualResetEventSlim goOn = new();

    public bool IsReached => reached.Task.IsCompleted;

    public Task WhenReachedAsync() => reached.Task.WaitAsync(Eventually.Limit);

    public void WaitOnce()
    {
        if (reached.TrySetResult())
            Wait();
    }

    public void Wait() => goOn.Wait(Eventually.Limit);

    public void End() => goOn.Set();

    public void Dispose()
    {
        goOn.Set();
        goOn.Dispose();
    }
}
