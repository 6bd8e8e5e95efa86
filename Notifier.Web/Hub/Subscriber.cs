using Notifier.Connections;
using Notifier.History;
using Notifier.History.Durable;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// A connection that holds a name: a cursor into the name's log. There is no queue: a connection that is busy stays behind
/// and catches up from the log, so a slow reader costs a number. The cursor belongs to the connection's owner.
/// </summary>
/// <param name="connection">Who holds the name.</param>
/// <param name="subscription">The name.</param>
/// <param name="refused">Called, from any thread, with the reason when Redis does not allow the name, or no longer.</param>
internal sealed class Subscriber(Connection connection, Subscription subscription, Action<Subscriber, string>? refused = null) : FrameSource, IChunkedSetMember
{
    /// <summary>The number of the next message that the connection is to get.</summary>
    private long cursor;

    /// <summary>If the format confirms names, no message comes before the confirmation.</summary>
    private bool hasBegun = !connection.Format.Confirms;

    private bool hasLeft;

    /// <summary>What of the journal comes before the log; null once the log goes on.</summary>
    private ReplayCursor? replayCursor;

    /// <summary>The next page of it is on its way.</summary>
    private bool isWaiting;

    int IChunkedSetMember.Place { get; set; }

    public Subscription Subscription => subscription;

    public Connection Connection => connection;

    public override bool IsBehind => hasBegun && (replayCursor is null ? cursor < subscription.Head : !isWaiting);

    /// <summary>Whether it was given all messages before that number, as far as can be seen without holding it.</summary>
    public bool HasSentUpTo(long number) => !hasBegun || Volatile.Read(ref cursor) >= number;

    /// <summary>Why Redis does not allow the name, or no longer; null while it does.</summary>
    public string? Refusal { get; private set; }

    /// <summary>The last position that the connection has received, or where it began. Only by the owner.</summary>
    public Position Position => replayCursor is null ? subscription.PositionAt(cursor - 1) : Position.InJournal(replayCursor.SentUpTo);

    /// <summary>How it begins.</summary>
    public RecoveryResult RecoveryResult { get; private set; }

    /// <summary>Whether messages come, or will. Only by the owner.</summary>
    public bool HasBegun => hasBegun;

    /// <summary>Only by the owner.</summary>
    public bool HasLeft => hasLeft;

    /// <summary>
    /// Takes its place, at the log's head or where it wants to begin: what comes from now on is for it, also while its connection is busy. Called by
    /// whoever subscribes, before anybody else knows of it; <see cref="Start"/> follows.
    /// </summary>
    public void Join(ReplayRequest replay = default)
    {
        RecoveryResult = subscription.Add(this, replay);
        if (RecoveryResult is { Recovered: { } isWhole, NeedsJournal: false })
            subscription.OnReplayed(ReplaySource.Recent, isWhole);
    }

    /// <summary>Has the connection send what it has not got yet. Called once.</summary>
    public void Start() => connection.Post(Follow);

    /// <summary>Where it begins has been found in the journal.</summary>
    /// <param name="recovered">How.</param>
    /// <param name="after">The id of the last durable message that it has; null where it begins with what comes.</param>
    /// <param name="replayCursor">What comes before the log; null where the log has it.</param>
    public void Recover(RecoveryResult recovered, long? after, ReplayCursor? replayCursor)
    {
        RecoveryResult = recovered;
        if (recovered.Recovered is { } isWhole)
            subscription.OnReplayed(ReplaySource.Durable, isWhole);
        connection.Post(() =>
        {
            this.replayCursor = replayCursor;
            if (replayCursor is null && after is { } id && subscription.NumberAfter(id) is { } number)
                cursor = number;
            else if (replayCursor is null && after is { } lost)      // an empty page, so that it reads on from there
                this.replayCursor = new(new(JournalEpoch.None, lost, lost, IsWhole: true, IsLast: false, []));
        });
    }

    /// <summary>The next page of the backlog has come.</summary>
    /// <param name="page">Null when there is none to be had: it goes on with the log.</param>
    public void Continue(JournalPage? page) => connection.Post(() =>
    {
        isWaiting = false;
        replayCursor = page is null ? null : new(page);
        if (page is not { IsWhole: true })
            TellLoss(null, Position);
        if (IsBehind)
            connection.CatchUp();
    });

    /// <summary>
    /// The client has been told that it holds the name: what came since it joined follows, and what comes. Runs as the owner.
    /// </summary>
    public void Begin()
    {
        hasBegun = true;
        if (IsBehind)
            connection.CatchUp();
    }

    /// <summary>Sets the cursor. Under the log's lock, so that no message comes between this and being one of its subscribers.</summary>
    public void SetCursor(long number) => cursor = number;

    /// <summary>Leaves for good. A pass that still has it in hand sees that when it holds the connection. Runs as the owner.</summary>
    public void Leave()
    {
        if (hasLeft)
            return;
        hasLeft = true;
        connection.RemoveSource(this);
        subscription.Remove(this);
    }

    /// <summary>
    /// Gives the batch to the connection if it is free and its cursor stands there. Ahead of it, it is skipped; behind it or busy, it
    /// catches up by itself. Called by the pass; never waits.
    /// </summary>
    /// <param name="batch">The frames of the messages from <paramref name="from"/> on, up to before <paramref name="to"/>.</param>
    /// <param name="from">The number of the first message.</param>
    /// <param name="to">The number after the last one.</param>
    public void Deliver(in FrameBatch batch, long from, long to)
    {
        if (!connection.TryAcquire())
        {
            connection.CatchUp();
            return;
        }
        try
        {
            if (cursor == from && hasBegun && !hasLeft && replayCursor is null)
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
        if (replayCursor is not null)
            CatchUpFromJournal(replayCursor);
        else if (subscription.ReadBatch(cursor, connection.Format, out var loss) is { } slice)
            cursor += connection.Write(slice);
        else if (loss is not null && TellLoss(loss.Messages, new(loss.Next - 1)))
            cursor = loss.Next;
        else if (loss is not null)
            _ = connection.CloseAsync(CloseReason.TooSlow(loss.Messages));
    }

    public override FrameBatch Next() =>
        replayCursor is null ? DispatchBuffers.ForThisThread.Slices.Get(subscription, connection.Format, cursor) : FrameBatch.Nothing(0);

    public override void Advance(int messages) => cursor += messages;

    private void CatchUpFromJournal(ReplayCursor journal)
    {
        if (!journal.IsOver)
            journal.Advance(connection.Write(journal.ReadBatch(connection.Format, subscription.Identity)));
        else if (subscription.NumberAfter(journal.SentUpTo) is { } number)
            (cursor, replayCursor) = (number, null);
        else
        {
            isWaiting = true;
            _ = subscription.ReadNextPageAsync(this, journal.SentUpTo);
        }
    }

    private bool TellLoss(long? messages, Position last)
    {
        if (connection.Format.Lost(subscription.Identity, messages, last) is not { } told)
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
        connection.AddSource(this);
        if (IsBehind)
            connection.CatchUp();
    }
}
