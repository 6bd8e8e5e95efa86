namespace Notifier.Access;

/// <summary>
/// The callers that backends have disconnected recently. Without it, a caller that is connecting at that moment would stay: the caller is
/// authenticated already, but the connection cannot be found yet. Thread-safe.
/// </summary>
/// <remarks>
/// A disconnection is added here first, and then closes the registered connections. A connection registers first, and then checks here. So one of the two
/// notices the other. The check compares with the time at which authentication began: an earlier identification is no longer valid.
/// </remarks>
internal sealed class RecentDisconnections
{
    /// <summary>If more callers are disconnected while one authenticates, Notifier cannot know whether it was among them, and the client has to retry.</summary>
    private const int MaxRemembered = 1_000;

    private static readonly AccessRefusal TooMany = AccessRefusal.Unavailable("too many callers were disconnected just now; try again");

    private readonly Lock gate = new();
    private readonly Dictionary<string, long> lastNumbers = [];
    private readonly Queue<(string Subject, long Number)> remembered = [];
    private long count;
    private long lastForgotten;

    /// <summary>The number of disconnections since the start. To be read before authentication begins: see <see cref="Caller.DisconnectionsBefore"/>.</summary>
    public long Count => Volatile.Read(ref count);

    /// <summary>The refusal that a disconnected caller gets.</summary>
    public static AccessRefusal Disconnected { get; } = AccessRefusal.Forbidden("disconnected by an operator");

    public void Add(string subject)
    {
        lock (gate)
        {
            var number = count + 1;
            lastNumbers[subject] = number;
            remembered.Enqueue((subject, number));
            if (remembered.Count > MaxRemembered)
                ForgetOldest();
            Volatile.Write(ref count, number);
        }
    }

    /// <summary>Whether the caller was disconnected since its authentication began. To be called once its connection is registered.</summary>
    public AccessRefusal? Check(Caller caller)
    {
        if (caller.Subject is not { } subject || caller.DisconnectionsBefore == Count)
            return null;
        lock (gate)
        {
            if (lastNumbers.TryGetValue(subject, out var number) && number > caller.DisconnectionsBefore)
                return Disconnected;
            return lastForgotten > caller.DisconnectionsBefore ? TooMany : null;
        }
    }

    private void ForgetOldest()
    {
        (var subject, lastForgotten) = remembered.Dequeue();
        if (lastNumbers[subject] == lastForgotten)
            lastNumbers.Remove(subject);
    }
}
