using StackExchange.Redis;

namespace Notifier.Redis.Topology;

/// <summary>One server, to which the library reconnects by itself. Also used until it is known whether Redis is a Cluster.</summary>
internal sealed class SingleServer(TopologyContext context) : IRedisTopology
{
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(1);

    public bool HasSeparateSubscriptionConnection => false;

    public bool HasSubscriptionConnection => context.Connections.SubscriptionConnection is not null;

    public bool IsCluster => false;

    public ConfigurationOptions Options => context.Location.Options;

    public Task<ConnectionMultiplexer> OpenAsync(ConnectionMultiplexer? replaced) => context.ConnectAsync(context.Location.Options);

    /// <summary>Waits for the first answer, which tells whether this is a Cluster.</summary>
    public async Task WatchAsync()
    {
        while (!context.Stopping.IsCancellationRequested && context.Connections.ConnectedCommands is null)
            await Task.Delay(CheckInterval, context.Time, context.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
