using Notifier.Connections;
using Notifier.History;
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

    /// <summary>If the format confirms names, no message comes before the confirmation.</summary>
    private bool hasBegun = !connection.Format.Confirms;

    private bool hasLeft;

    /// <summary>What of the journal comes before the log; null once the log goes on.</summary>
    private Backlog? backlog;

    /// <summary>The next page of it is on its way.</summary>
    private bool isWaiting;

    int IRostered.Place { get; set; }

    public Subscription Subscription => subscription;

    public Connection Connection => connection;

    public override bool IsBehind => hasBegun && (backlog is null ? cursor < subscription.Head : !isWaiting);

    /// <summary>Whether it was given all messages before that number, as far as can be seen without holding it.</summary>
    public bool HasSentUpTo(long number) => !hasBegun || Volatile.Read(ref cursor) >= number;

    /// <summary>Why Redis does not allow the name, or no longer; null while it does.</summary>
    public string? Refusal { get; private set; }

    /// <summary>The last position that the connection has received, or where it began. Only by the holder.</summary>
    public Position Position => backlog is null ? subscription.PositionAt(cursor - 1) : Position.InJournal(backlog.SentUpTo);

    /// <summary>How it begins.</summary>
    public Standing Standing { get; private set; }

    /// <summary>Whether messages come, or will. Only by the holder.</summary>
    public bool HasBegun => hasBegun;

    /// <summary>Only by the holder.</summary>
    public bool HasLeft => hasLeft;

    /// <summary>
    /// Takes its place, at the log's head or where it wants to begin: what comes from now on is for it, also while its connection is busy. Called by
    /// whoever subscribes, before anybody else knows of it; <see cref="Start"/> follows.
    /// </summary>
    public void Enter(Replay replay = default)
    {
        Standing = subscription.Admit(this, replay);
        if (Standing is { Recovered: { } isWhole, NeedsJournal: false })
            subscription.NoteReplay(ReplaySource.Recent, isWhole);
    }

    /// <summary>Has the connection send what it has not got yet. Called once.</summary>
    public void Start() => connection.Run(Follow);

    /// <summary>Where it begins has been found in the journal.</summary>
    /// <param name="standing">How.</param>
    /// <param name="after">The id of the last durable message that it has; null where it begins with what comes.</param>
    /// <param name="backlog">What comes before the log; null where the log has it.</param>
    public void Settle(Standing standing, long? after, Backlog? backlog)
    {
        Standing = standing;
        if (standing.Recovered is { } isWhole)
            subscription.NoteReplay(ReplaySource.Durable, isWhole);
        connection.Run(() =>
        {
            this.backlog = backlog;
            if (backlog is null && after is { } id && subscription.NumberAfter(id) is { } number)
                cursor = number;
            else if (backlog is null && after is { } lost)      // an empty page, so that it reads on from there
                this.backlog = new(new(JournalEpoch.None, lost, lost, IsWhole: true, IsLast: false, []));
        });
    }

    /// <summary>The next page of the backlog has come.</summary>
    /// <param name="page">Null when there is none to be had: it goes on with the log.</param>
    public void Take(JournalPage? page) => connection.Run(() =>
    {
        isWaiting = false;
        backlog = page is null ? null : new(page);
        if (page is not { IsWhole: true })
            TellLoss(null, Position);
        if (IsBehind)
            connection.CatchUp();
    });

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
        try
        {
            if (cursor == from && hasBegun && !hasLeft && backlog is null)
                cursor += connection.Write(batch, this);
            if (cursor < to && IsBehind)
                connection.CatchUp();   // once it is let go
        }
        catch (Exception error)
        {
            connection.Fail(error);     // and the others get theirs
        }
        connection.Release();
    }

    /// <summary>
    /// Sends one slice of what the log has for it. If the log has moved past the cursor, the connection is too slow: it is told how much
    /// it has lost and goes on from there, or is closed where its format has no word for that.
    /// </summary>
    public override void CatchUp()
    {
        if (backlog is not null)
            CatchUpFromJournal(backlog);
        else if (subscription.Slice(cursor, connection.Format, out var loss) is { } slice)
            cursor += connection.Write(slice);
        else if (loss is not null && TellLoss(loss.Messages, new(loss.Next - 1)))
            cursor = loss.Next;
        else if (loss is not null)
            _ = connection.CloseAsync(CloseReason.TooSlow(loss.Messages));
    }

    public override FrameBatch Next() =>
        backlog is null ? PassScratch.OfThisThread.Slices.Of(subscription, connection.Format, cursor) : FrameBatch.Nothing(0);

    public override void Advance(int messages) => cursor += messages;

    private void CatchUpFromJournal(Backlog journal)
    {
        if (!journal.IsOver)
            journal.Advance(connection.Write(journal.Slice(connection.Format, subscription.Source)));
        else if (subscription.NumberAfter(journal.SentUpTo) is { } number)
            (cursor, backlog) = (number, null);
        else
        {
            isWaiting = true;
            _ = subscription.GoOnAsync(this, journal.SentUpTo);
        }
    }

    private bool TellLoss(long? messages, Position last)
    {
        if (connection.Format.Lost(subscription.Source, messages, last) is not { } told)
            return false;
        connection.Send(told);
        return true;
    }

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
