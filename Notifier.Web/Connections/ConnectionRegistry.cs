using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>All open connections of this node. Thread-safe.</summary>
internal sealed class ConnectionRegistry
{
    private readonly Lock gate = new();
    private readonly ChunkedSet<Connection> connections = new();
    private Func<CloseReason>? closing;
    private TaskCompletionSource? emptied;
    private int opened;

    /// <summary>What they add up to.</summary>
    public ConnectionCounters Counters { get; } = new();

    public int Count
    {
        get
        {
            lock (gate)
                return connections.Count;
        }
    }

    /// <summary>A connection that comes while all are being closed is closed too.</summary>
    public void Add(Connection connection)
    {
        Func<CloseReason>? close;
        lock (gate)
        {
            connection.PingTurn = opened++ & int.MaxValue;
            connections.Add(connection);
            close = closing;
        }
        Counters.Add(connection);
        if (close is not null)
            Close(connection, close());
    }

    /// <summary>After it was retired.</summary>
    public void Remove(Connection connection)
    {
        Counters.Remove(connection);
        lock (gate)
        {
            connections.Remove(connection);
            if (connections.Count == 0)
                emptied?.TrySetResult();
        }
    }

    /// <summary>
    /// Calls <paramref name="access"/> for everyone who was there at the start and still is, outside the lock; perhaps twice
    /// for one, while others leave.
    /// </summary>
    public void ForEach(Action<Connection> access)
    {
        foreach (var chunk in connections.InChunks(gate, new Connection[256]))
        {
            foreach (var connection in chunk)
                access(connection);
        }
    }

    /// <summary>All that are there now.</summary>
    public List<Connection> Snapshot()
    {
        var all = new List<Connection>(Count);
        ForEach(all.Add);
        return all;
    }

    /// <summary>Closes all, and those that still come; the task ends when the last one is gone.</summary>
    public Task CloseAllAsync(Func<CloseReason> reason)
    {
        lock (gate)
        {
            closing = reason;
            emptied ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            if (connections.Count == 0)
                emptied.TrySetResult();
        }
        ForEach(connection => Close(connection, reason()));
        return emptied.Task;
    }

    private static void Close(Connection connection, CloseReason reason)
    {
        if (connection.CloseAsked is not null)
            return;
        connection.Announce(reason);
        _ = connection.CloseAsync(reason);
    }
}
