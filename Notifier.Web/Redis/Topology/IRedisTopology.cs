using StackExchange.Redis;

namespace Notifier.Redis.Topology;

/// <summary>How Redis is deployed: as a single server, behind Sentinels, or as a Cluster. Its properties are thread-safe.</summary>
internal interface IRedisTopology : IAsyncDisposable
{
    /// <summary>Whether the subscription connection differs from the one for commands. If not, replacing it replaces both.</summary>
    bool HasSeparateSubscriptionConnection { get; }

    /// <summary>Whether there is a subscription connection. On a Cluster the first connection is for commands only.</summary>
    bool HasSubscriptionConnection { get; }

    /// <summary>Whether a server counts only the receivers that are connected to it.</summary>
    bool IsCluster { get; }

    /// <summary>The options for a further connection. Behind Sentinels these are of the current primary.</summary>
    ConfigurationOptions Options { get; }

    /// <summary>Opens a connection that can be the subscription connection.</summary>
    /// <param name="replaced">The lost or deaf connection that it replaces; null for the first one.</param>
    /// <returns>A connection that may not have reached its server yet.</returns>
    /// <exception cref="RedisException">Which server to connect to is unknown.</exception>
    Task<ConnectionMultiplexer> OpenAsync(ConnectionMultiplexer? replaced);

    /// <summary>Called if the first connection cannot be the subscription connection, before any name is subscribed on it.</summary>
    Task BeginAsync(ConnectionMultiplexer first) => Task.CompletedTask;

    /// <summary>
    /// Watches what the library does not handle, and replaces the subscription connection where that helps. Ends when nothing needs to be watched any more,
    /// or the process stops. Never throws.
    /// </summary>
    Task WatchAsync();

    ValueTask IAsyncDisposable.DisposeAsync() => default;
}

/// <summary>What a topology works with.</summary>
/// <param name="Location">Which Redis this is. (The options are not a property of this record: its text would show the password.)</param>
/// <param name="Connections">The connections in use.</param>
/// <param name="ConnectAsync">Opens a connection with these options.</param>
/// <param name="ReplaceAsync">Replaces the subscription connection, unless that has been done already.</param>
/// <param name="Health">Notified when no connection can replace the subscription connection.</param>
/// <param name="Time">The clock.</param>
/// <param name="Logger">The log.</param>
/// <param name="Stopping">Cancelled when the process ends.</param>
internal sealed record TopologyContext(
    RedisLocation Location,
    ConnectionPair Connections,
    Func<ConfigurationOptions, Task<ConnectionMultiplexer>> ConnectAsync,
    Func<ConnectionMultiplexer, Task> ReplaceAsync,
    RedisHealth Health,
    TimeProvider Time,
    ILogger Logger,
    CancellationToken Stopping);
