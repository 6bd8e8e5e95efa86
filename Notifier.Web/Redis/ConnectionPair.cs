using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>The two connections in use. They are the same, except on a Cluster. Null until the first attempt to connect has ended. Thread-safe.</summary>
internal sealed class ConnectionPair
{
    private ConnectionMultiplexer? subscription;
    private ConnectionMultiplexer? commands;

    /// <summary>The subscription connection, which receives messages.</summary>
    public ConnectionMultiplexer? SubscriptionConnection
    {
        get => Volatile.Read(ref subscription);
        set => Volatile.Write(ref subscription, value);
    }

    /// <summary>The connection for commands. On a Cluster it knows all servers.</summary>
    public ConnectionMultiplexer? Commands
    {
        get => Volatile.Read(ref commands);
        set => Volatile.Write(ref commands, value);
    }

    /// <summary>The connection for commands; null while Redis is away.</summary>
    public ConnectionMultiplexer? ConnectedCommands => Commands is { IsConnected: true } multiplexer ? multiplexer : null;

    /// <summary>Closes both. The backplane closes a connection that it sets afterwards, because it checks whether the process stops.</summary>
    public async Task EndAsync()
    {
        var (oldSubscription, oldCommands) = (Interlocked.Exchange(ref subscription, null), Interlocked.Exchange(ref commands, null));
        if (oldSubscription is not null)
            await oldSubscription.EndAsync();
        if (oldCommands is not null && oldCommands != oldSubscription)
            await oldCommands.EndAsync();
    }
}
