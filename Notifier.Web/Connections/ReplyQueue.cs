namespace Notifier.Connections;

/// <summary>
/// Answers on their way to a client. There are only so many: who reads commands waits then, and the client, which does not take its
/// answers, with it.
/// </summary>
internal sealed class ReplyQueue(Connection connection)
{
    private const int Most = 64;

    private int waiting;
    private TaskCompletionSource? room;

    /// <summary>Runs this as the connection's owner, in turn. Never waits.</summary>
    public void Add(Action send)
    {
        Interlocked.Increment(ref waiting);
        connection.Post(() =>
        {
            send();
            if (Interlocked.Decrement(ref waiting) < Most)
                Interlocked.Exchange(ref room, null)?.TrySetResult();
        });
    }

    /// <summary>Completes when there is room for one more. Called by the receive loop alone.</summary>
    public Task WhenRoomAsync()
    {
        if (Volatile.Read(ref waiting) < Most)
            return Task.CompletedTask;
        var wait = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref room, wait);
        if (Volatile.Read(ref waiting) < Most)
            wait.TrySetResult();    // made before it was known that somebody waits
        return wait.Task;
    }
}
