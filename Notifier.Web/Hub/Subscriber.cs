using Notifier.Connections;
using Notifier.History;
using Notifier.History.Durable;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>
/// One connection's subscription to a name: a cursor into the name's log. There is no queue: a busy connection falls behind and catches up from the
/// log, so a slow reader costs no memory. Only the connection's owner moves the cursor.
/// </summary>
/// <param name="connection">The connection.</param>
/// <param name="subscription">The name.</param>
/// <param name="onDenied">Called, from any thread, with the reason when Redis does not allow the name, or no longer.</param>
internal sealed class Subscriber(Connection connection, Subscription subscription, Action<Subscriber, string>? onDenied = null) : FrameSource, IChunkedSetMember
{
    /// <summary>The number of the next message to send.</summary>
    private long cursor;

    /// <summary>The place in the journal's messages that precede the log; null once the subscriber reads from the log.</summary>
    private RecoveryCursor? recoveryCursor;

    /// <summary>The journal's next page is being read.</summary>
    private bool isWaiting;

    /// <summary>Ends the waiting for pages of the journal. Null if the subscriber needs none.</summary>
    private CancellationTokenSource? gone;

    int IChunkedSetMember.Place { get; set; }

    public Subscription Subscription => subscription;

    public Connection Connection => connection;

    /// <summary>Whether messages are sent. If the format confirms names, no message precedes the confirmation. Used by the owner only.</summary>
    public bool HasBegun { get; private set; } = !connection.Format.Confirms;

    /// <summary>Whether the subscriber has unsubscribed. Used by the owner only.</summary>
    public bool HasLeft { get; private set; }

    public override bool IsBehind => HasBegun && (recoveryCursor is null ? cursor < subscription.Head : !isWaiting && !connection.IsAnotherReplaying(this));

    /// <summary>Whether all messages before that number were sent. Any thread may call it, so the result may be out of date.</summary>
    public bool HasSentUpTo(long number) => !HasBegun || Volatile.Read(ref cursor) >= number;

    /// <summary>Why Redis does not allow the name; null while Redis allows it.</summary>
    public string? Refusal { get; private set; }

    /// <summary>The position of the last sent message, or the one where the subscriber started. Used by the owner only.</summary>
    public Position Position => recoveryCursor is null ? subscription.PositionAt(cursor - 1) : Position.InJournal(recoveryCursor.SentUpTo);

    /// <summary>How the subscriber starts.</summary>
    public RecoveryResult RecoveryResult { get; private set; }

    /// <summary>As the one that reads the journal: it waits for one page at a time, until it leaves.</summary>
    public ReadClient Reader => new(connection.Owner, connection, connection.Owner.Visitors, gone?.Token ?? CancellationToken.None);

    /// <summary>
    /// Sets the cursor to the log's head, or where the client wants to start: the subscriber receives all messages from now on, even while its connection
    /// is busy. Called before any other thread knows the subscriber; <see cref="Start"/> must follow.
    /// </summary>
    public void Join(RecoveryRequest request = default) => gone = (RecoveryResult = subscription.Add(this, request)).NeedsJournal ? new() : null;

    /// <summary>Adds the subscriber to its connection, which sends the messages after the cursor. Called once.</summary>
    public void Start()
    {
        if (RecoveryResult is { Recovered: { } isWhole, NeedsJournal: false })
            subscription.OnRecovered(RecoverySource.Recent, isWhole);
        connection.Post(AddToConnection);
    }

    /// <summary>The place to start was found in the journal.</summary>
    public void Recover(RecoveryStart start)
    {
        RecoveryResult = start.Result;
        if (start.Result.Recovered is { } isWhole)
            subscription.OnRecovered(RecoverySource.Durable, isWhole);
        if (start.After is not { } after)
            return;
        var found = subscription.CursorAfter(after);
        var isInLog = start.Page is null;
        // While another name of the connection is sent its messages, this page is not kept, nor by the action below. It is read again later.
        if (start.Page is { } page && connection.TryBeginReplay(this))
            found.Continue(page);
        connection.Post(() =>
        {
            if (HasLeft)
            {
                found.Release();
                EndReplay();
            }
            else if (isInLog && subscription.NumberAfter(after) is { } number)
                cursor = number;
            else
                recoveryCursor = found;
        });
    }

    /// <summary>
    /// Called when the confirmation was sent: all messages since the subscriber joined follow. Runs as the owner.
    /// </summary>
    public void Begin()
    {
        HasBegun = true;
        if (IsBehind)
            connection.CatchUp();
    }

    /// <summary>Sets the cursor. Under the log's lock, together with adding the subscriber, so that no message comes in between.</summary>
    public void SetCursor(long number) => cursor = number;

    /// <summary>Unsubscribes. A broadcast that still has the subscriber checks <see cref="HasLeft"/> as the owner. Runs as the owner.</summary>
    public void Leave()
    {
        if (HasLeft)
            return;
        HasLeft = true;
        CancelReads();
        connection.RemoveSource(this);
        subscription.Remove(this);
        recoveryCursor?.Release();
        EndReplay();
    }

    /// <summary>The subscriber is about to leave and waits for no page any more. Any thread may call it, also twice.</summary>
    public void CancelReads() => gone?.Cancel();

    /// <summary>
    /// Writes the batch if the connection is free and the cursor is at its first message. If the cursor is ahead, the batch is skipped. If it is behind,
    /// or the connection is busy, the connection catches up by itself. Called by broadcasts; never waits.
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
            if (cursor == from && HasBegun && !HasLeft && recoveryCursor is null)
                cursor += connection.Write(batch, this);
            if (cursor < to && IsBehind)
                connection.CatchUp();   // runs once the connection is released
        }
        catch (Exception error)
        {
            connection.Fail(error);     // the other subscribers still receive the batch
        }
        connection.Release();
    }

    /// <summary>
    /// Sends one slice of the log's messages after the cursor. If the log no longer has the message at the cursor, the connection was too slow. Then the client
    /// is told how many messages it has lost, and the cursor moves to the next message. If the format cannot say that, the connection is closed.
    /// </summary>
    public override void CatchUp()
    {
        var buffers = DispatchBuffers.ForThisThread;
        if (recoveryCursor is not null)
            CatchUpFromJournal(recoveryCursor);
        else if (subscription.ReadBatch(cursor, connection.Format, buffers.Frames, buffers.Messages, out var loss) is { } slice)
            cursor += connection.Write(slice);
        else if (loss is not null && TrySendLoss(loss.Messages, new(loss.Next - 1)))
            cursor = loss.Next;
        else if (loss is not null)
            _ = connection.CloseAsync(CloseReason.TooSlow(loss.Messages));
    }

    public override FrameBatch Next() =>
        recoveryCursor is null ? DispatchBuffers.ForThisThread.Cache.Get(subscription, connection.Format, cursor) : FrameBatch.Nothing(0);

    public override void Advance(int messages) => cursor += messages;

    private void CatchUpFromJournal(RecoveryCursor journal)
    {
        if (journal.ReadBatch(connection.Format, subscription.Identity, DispatchBuffers.ForThisThread.Frames) is { } batch)
            journal.Advance(connection.Write(batch));
        else if (subscription.NumberAfter(journal.SentUpTo) is { } number)
        {
            (cursor, recoveryCursor) = (number, null);
            EndReplay();
        }
        else if (connection.TryBeginReplay(this))
        {
            isWaiting = true;
            _ = ReadNextPageAsync(journal.SentUpTo);
        }
    }

    private async Task ReadNextPageAsync(long after)
    {
        var page = await subscription.ReadPageAsync(Reader, after);     // cancelled if the subscriber leaves
        connection.Post(() => Continue(page));
    }

    /// <summary>Continues with the next page, or with the log after the last page.</summary>
    private void Continue(JournalPage? page)
    {
        isWaiting = false;
        if (HasLeft)
            return;
        if (page is null)
            recoveryCursor = null;
        else
            recoveryCursor!.Continue(page);
        if (page is not { IsWhole: true })
            TrySendLoss(null, Position);
        if (recoveryCursor is null)
            EndReplay();
        if (IsBehind)
            connection.CatchUp();
    }

    /// <summary>It is the turn of the connection's other names that resume.</summary>
    private void EndReplay()
    {
        if (connection.TryEndReplay(this))
            connection.CatchUp();
    }

    private bool TrySendLoss(long? messages, Position last)
    {
        if (connection.Format.Lost(subscription.Identity, messages, last) is not { } frame)
            return false;
        connection.Send(frame);
        return true;
    }

    /// <summary>Called from any thread; perhaps twice.</summary>
    public void OnDenied(string reason)
    {
        Refusal = reason;
        onDenied?.Invoke(this, reason);
    }

    private void AddToConnection()
    {
        if (HasLeft)
            return;
        connection.AddSource(this);
        if (IsBehind)
            connection.CatchUp();
    }
}
