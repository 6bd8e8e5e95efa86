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
internal sealed class Subscriber(Connection connection, Subscription subscription, Action<Subscriber, string>? refused = null) : Feed, IRostered
{
    /// <summary>The number of the next message that the connection is to get.</summary>
    private long cursor;

    /// <summary>Where the format confirms a name, nothing of it comes before that.</summary>
    private bool hasBegun = !connection.Format.Confirms;

    private bool hasLeft;

    int IRostered.Place { get; set; }

    public Subscription Subscription => subscription;

    public Connection Connection => connection;

    public override bool IsBehind => hasBegun && cursor < subscription.Head;

    /// <summary>Why Redis does not allow the name, or no longer; null while it does.</summary>
    public string? Refusal { get; private set; }

    /// <summary>The number of the last message that the connection has got, or that was before its time. Only by the holder.</summary>
    public long Last => cursor - 1;

    /// <summary>Whether messages come, or will. Only by the holder.</summary>
    public bool HasBegun => hasBegun;

    /// <summary>Only by the holder.</summary>
    public bool HasLeft => hasLeft;

    /// <summary>
    /// Joins, at the log's head or where it wants to begin: what comes from now on is for it, also while its connection is busy. Called by
    /// whoever subscribes, before anybody else knows of it.
    /// </summary>
    /// <returns>Whether all that came since its position follows; null where it gave none.</returns>
    public bool? Join(Replay replay = default)
    {
        var recovered = subscription.Admit(this, replay);
        connection.Run(Follow);
        return recovered;
    }

    /// <summary>
    /// The client has been told that it holds the name: what came since it joined follows, and what comes. Runs as the holder.
    /// </summary>
    public void Begin()
    {
        hasBegun = true;
        if (IsBehind)
            connection.CatchUp();
    }

    /// <summary>Sets the cursor. Under the log's lock, so that no message comes between this and being one of its subscribers.</summary>
    public void StandAt(long number) => cursor = number;

    /// <summary>Leaves for good. A pass that still has it in hand sees that when it holds the connection. Runs as the holder.</summary>
    public void Leave()
    {
        if (hasLeft)
            return;
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
        if (cursor == from && hasBegun && !hasLeft)
            cursor += connection.Write(batch, this);
        if (cursor < to && hasBegun)
            connection.CatchUp();   // once it is let go
        connection.Release();
    }

    /// <summary>
    /// Sends one slice of what the log has for it. If the log has moved past the cursor, the connection is too slow: it is told how much
    /// it has lost and goes on from there, or is closed where its format has no word for that.
    /// </summary>
    public override void CatchUp()
    {
        if (subscription.Slice(cursor, connection.Format, out var loss) is { } slice)
            cursor += connection.Write(slice);
        else if (loss is not null && connection.Format.Lost(subscription.Source, loss.Messages, loss.Next - 1) is { } told)
        {
            connection.Send(told);
            cursor = loss.Next;
        }
        else if (loss is not null)
            _ = connection.CloseAsync(CloseReason.TooSlow(loss.Messages));
    }

    public override FrameBatch Next() => PassScratch.OfThisThread.Slices.Of(subscription, connection.Format, cursor);

    public override void Advance(int messages) => cursor += messages;

    /// <summary>Called from any thread; perhaps twice.</summary>
    public void Refuse(string reason)
    {
        Refusal = reason;
        refused?.Invoke(this, reason);
    }

    private void Follow()
    {
        if (hasLeft)
            return;
        connection.Follow(this);
        if (IsBehind)
            connection.CatchUp();
    }
}
