namespace Notifier.Access;

/// <summary>
/// Whom backends have had disconnected lately. A visitor that is just coming, whom somebody vouches for already and whose connection is not there
/// to be found, would else stay. Thread-safe.
/// </summary>
/// <remarks>
/// A disconnection is told here first, and then those who are there are looked through; a visitor is first among them, and then looks here. So one
/// of the two finds it. What counts is when it was asked who it is: what was said before the disconnection is no longer believed.
/// </remarks>
internal sealed class RecentDisconnections
{
    /// <summary>How many are remembered; who has been on its way for longer than that is not known to be still welcome, and comes again.</summary>
    private const int Most = 1_000;

    private static readonly AccessRefusal TooMany = AccessRefusal.Unavailable("very many are disconnected at this moment; try again");

    private readonly Lock gate = new();
    private readonly Dictionary<string, long> lastOf = [];
    private readonly Queue<(string Subject, long Number)> inOrder = [];
    private long count;
    private long forgotten;

    /// <summary>How many there were: what a visitor is known as of, to be taken before it is asked who it is.</summary>
    public long Count => Volatile.Read(ref count);

    /// <summary>What somebody is told who is disconnected.</summary>
    public static AccessRefusal Disconnected { get; } = AccessRefusal.Forbidden("disconnected by an operator");

    public void Add(string subject)
    {
        lock (gate)
        {
            var number = count + 1;
            lastOf[subject] = number;
            inOrder.Enqueue((subject, number));
            if (inOrder.Count > Most)
                Forget();
            Volatile.Write(ref count, number);
        }
    }

    /// <summary>Whether a visitor was disconnected since it was asked who it is. To be called once its connection can be found.</summary>
    public AccessRefusal? Check(Caller caller)
    {
        if (caller.Subject is not { } subject || caller.KnownAsOf == Count)
            return null;
        lock (gate)
        {
            if (lastOf.TryGetValue(subject, out var number) && number > caller.KnownAsOf)
                return Disconnected;
            return forgotten > caller.KnownAsOf ? TooMany : null;
        }
    }

    private void Forget()
    {
        (var subject, forgotten) = inOrder.Dequeue();
        if (lastOf[subject] == forgotten)
            lastOf.Remove(subject);
    }
}
