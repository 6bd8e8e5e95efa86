using Notifier.Connections;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// A connection that holds a name: a cursor into the name's log. There is no queue: a connection that is busy stays behind
/// and catches up from the log, so a slow reader costs a number. The cursor belongs to the connection's holder.
/// </summary>
/// <param name="connection">Who holds the name.</param>
/// <param name="subscription">The name.</param>
/// <param name="refused">Called, from any thread, with the reason when Redis does not allow the name, or no longer.</param>
internal sealed class Subscriber(Connection connection, Subscription subscription, Action<string>? refused = null) : Feed, IRostered
{
    /// <summary>The number of the next message that the connection is to get.</summary>
    private long cursor;

    private bool hasLeft;

    int IRostered.Place { get; set; }

    public Subscription Subscription => subscription;

    public Connection Connection => connection;

    public override bool IsBehind => cursor < subscription.Head;

    /// <summary>
    /// Joins at the log's head: what comes from now on is for it, also while its connection is busy. Called by whoever
    /// subscribes, before anybody else knows of it.
    /// </summary>
    public void Join()
    {
        subscription.Admit(this);
        connection.Run(Follow);
    }

    /// <summary>Sets the cursor. Under the log's lock, so that no message comes between this and being one of its subscribers.</summary>
    public void StandAt(long number) => cursor = number;

    /// <summary>Leaves for good. A pass that still has it in hand sees that when it holds the connection. Runs as the holder.</summary>
    public void Leave()
    {
        hasLeft = true;
        connection.Unfollow(this);
        subscription.Dismiss(this);
    }

    /// <summary>
    /// Gives the batch to the connection if it is free and its cursor stands there. Ahead of it, it is skipped; behind it or busy, it
    /// catches up by itself. Called by the pass; never waits.
    /// </summary>
    /// <param name="batch">The frames of the messages from <paramref name="from"/> on, up to before <paramref name="to"/>.</param>
    /// <param name="from">The number of the first message.</param>
    /// <param name="to">The number after the last one.</param>
    public void Offer(in FrameBatch batch, long from, long to)
    {
        if (!connection.TryHold())
        {
            connection.CatchUp();
            return;
        }
        if (cursor == from && !hasLeft)
            cursor += connection.Write(batch, this);
        if (cursor < to)
            connection.CatchUp();   // once it is let go
        connection.Release();
    }

    /// <summary>Sends one slice of what the log has for it; if the log has moved past the cursor, the connection is too slow.</summary>
    public override void CatchUp()
    {
        if (subscription.Slice(cursor, out var lost) is { } slice)
            cursor += connection.Write(slice);
        else if (lost > 0)
            _ = connection.CloseAsync(CloseReason.TooSlow(lost));
    }

    public override FrameBatch Next() => PassScratch.OfThisThread.Slices.Of(subscription, cursor);

    public override void Advance(int messages) => cursor += messages;

    public void Refuse(string reason) => refused?.Invoke(reason);

    private void Follow()
    {
        if (hasLeft)
            return;
        connection.Follow(this);
        if (IsBehind)
            connection.CatchUp();
    }
}
