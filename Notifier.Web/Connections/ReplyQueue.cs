namespace Notifier.Connections;

/// <summary>
/// Replies that wait to be sent to a client. Their number is limited: when a client does not read its replies, the receive loop stops reading its
/// commands.
/// </summary>
internal sealed class ReplyQueue(Connection connection)
{
    private const int Limit = 64;

    private int waiting;
    private TaskCompletionSource? room;

    /// <summary>Runs the action, which sends a reply, as the connection's owner, in order. Never waits.</summary>
    public void Add(Action send)
    {
        Interlocked.Increment(ref waiting);
        connection.Post(() =>
        {
            send();
            if (Interlocked.Decrement(ref waiting) < Limit)
                Interlocked.Exchange(ref room, null)?.TrySetResult();
        });
    }

    /// <summary>Completes when there is room for one more reply. Called by the receive loop alone.</summary>
    public Task WhenRoomAsync()
    {
        if (Volatile.Read(ref waiting) < Limit)
            return Task.CompletedTask;
        var wait = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref room, wait);
        if (Volatile.Read(ref waiting) < Limit)
            wait.TrySetResult();    // a reply was sent before this wait was visible
        return wait.Task;
    }
}
