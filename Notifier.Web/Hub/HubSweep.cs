using Notifier.Configuration;

namespace Notifier.Hub;

/// <summary>Calls <see cref="SubscriptionHub.Sweep"/> each second: one timer for all names.</summary>
internal sealed class HubSweep(SubscriptionHub hub, TimeProvider time) : StoppableService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            hub.Sweep();
    }
}
