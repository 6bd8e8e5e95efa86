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

    /// <summary>The totals. What was sent is up to date after <see cref="CountSent()"/>.</summary>
    public ConnectionCounters Counters { get; } = new();

    public int Count
    {
        get
        {
            lock (gate)
                return connections.Count;
        }
    }

    /// <summary>Adds a connection. While all are being closed, it is closed too.</summary>
    public void Add(Connection connection)
    {
        Func<CloseReason>? close;
        lock (gate)
        {
            connection.PingTurn = opened++ & int.MaxValue;
            connections.Add(connection);
            close = closing;
        }
        Counters.Add(connection.TransportKind);
        if (close is not null)
            Close(connection, close());
    }

    /// <summary>Removes a connection that was retired, so that its counts no longer change.</summary>
    public void Remove(Connection connection)
    {
        CountSent(connection);
        Counters.Remove(connection.TransportKind, connection.CloseRequested);
        lock (gate)
        {
            connections.Remove(connection);
            if (connections.Count == 0)
                emptied?.TrySetResult();
        }
    }

    /// <summary>
    /// Calls <paramref name="action"/>, outside the lock, for every connection that is registered from the start of the call to its end;
    /// perhaps twice for some.
    /// </summary>
    public void ForEach(Action<Connection> action)
    {
        foreach (var chunk in connections.InChunks(gate, new Connection[256]))
        {
            foreach (var connection in chunk)
                action(connection);
        }
    }

    /// <summary>All connections that are open now.</summary>
    public List<Connection> Snapshot()
    {
        var all = new List<Connection>(Count);
        ForEach(all.Add);
        return all;
    }

    /// <returns>What all connections were sent until now, by transport, including those that have ended.</returns>
    public SentTotals[] CountSent()
    {
        ForEach(CountSent);
        return Counters.Sent;
    }

    /// <summary>Closes all connections, including those that are added later. Completes when the last one is removed.</summary>
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

    private void CountSent(Connection connection) => Counters.Count(connection.TransportKind, connection.Sent, ref connection.Counted);

    private static void Close(Connection connection, CloseReason reason)
    {
        if (connection.CloseRequested is not null)
            return;
        connection.Announce(reason);
        _ = connection.CloseAsync(reason);
    }
}
