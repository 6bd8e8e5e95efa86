namespace Notifier.Redis.Topology;

/// <summary>
/// The topology, as far as it is known. Sentinels are known from the configuration. A Cluster is known once a server has answered, which may be long after
/// the start; until then it counts as a single server. Thread-safe.
/// </summary>
internal sealed class KnownTopology(TopologyContext context) : IAsyncDisposable
{
    private readonly ClusterTopology cluster = new(context);
    private volatile IRedisTopology known = context.Location.Options.ServiceName is null ? new SingleServer(context) : new SentinelTopology(context);

    public IRedisTopology Current => known is SingleServer && context.Connections.Commands is { } redis && ClusterTopology.Has(redis) ? known = cluster : known;

    /// <summary>Watches the topology, and the Cluster from the moment when it turns out to be one.</summary>
    public async Task WatchAsync()
    {
        IRedisTopology watched;
        do
            await (watched = Current).WatchAsync();
        while (watched != Current);
    }

    public ValueTask DisposeAsync() => known.DisposeAsync();
}
