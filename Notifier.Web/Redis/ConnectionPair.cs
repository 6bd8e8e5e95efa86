using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>The two connections in use. They are the same, except on a Cluster. Null until the first attempt to connect has ended. Thread-safe.</summary>
internal sealed class ConnectionPair
{
    private ConnectionMultiplexer? listening;
    private ConnectionMultiplexer? commands;

    /// <summary>The connection that receives messages.</summary>
    public ConnectionMultiplexer? Listening
    {
        get => Volatile.Read(ref listening);
        set => Volatile.Write(ref listening, value);
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
        var (oldListening, oldCommands) = (Interlocked.Exchange(ref listening, null), Interlocked.Exchange(ref commands, null));
        if (oldListening is not null)
            await oldListening.EndAsync();
        if (oldCommands is not null && oldCommands != oldListening)
            await oldCommands.EndAsync();
    }
}
