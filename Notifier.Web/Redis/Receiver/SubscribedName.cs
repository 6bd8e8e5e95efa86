using Notifier.Messages;

namespace Notifier.Redis.Receiver;

/// <summary>One subscription connection, for as long as what it delivers counts.</summary>
internal sealed class ConnectionLifetime
{
    private volatile bool hasEnded;

    /// <summary>False once it was closed, or another connection has taken its place.</summary>
    public bool IsAlive => !hasEnded;

    public void End() => hasEnded = true;
}

/// <summary>
/// A name as the bytes from Redis tell of it: which connection has it, and where its messages go. The first connection that confirms it counts for
/// as long as it lives; what any other delivers is ignored, so that no message comes twice. Thread-safe.
/// </summary>
/// <remarks>
/// Its sink is called by one thread at a time. Where such a call is stuck, others do not wait for it: what comes meanwhile is skipped, and is a gap when
/// the call ends.
/// </remarks>
/// <param name="bytes">The name as Redis knows it.</param>
/// <param name="isPattern">Whether it is a pattern.</param>
internal sealed class SubscribedName(byte[] bytes, bool isPattern)
{
    /// <summary>How long to wait for another thread's delivery, which takes microseconds.</summary>
    private static readonly TimeSpan DeliveredWithin = TimeSpan.FromMilliseconds(50);

    /// <summary>Held while the sink is called.</summary>
    private readonly Lock delivering = new();

    /// <summary>Guards what follows. Never held while anything is called.</summary>
    private readonly Lock gate = new();
    private IMessageSink? sink;
    private ConnectionLifetime? source;
    private bool wasConfirmed;

    /// <summary>How many calls gave up waiting. The lock's holder clears it.</summary>
    private int skipped;

    public byte[] Bytes => bytes;

    public bool IsPattern => isPattern;

    /// <summary>Whether a connection that lives has it.</summary>
    public bool IsConfirmed => Volatile.Read(ref source) is { IsAlive: true };

    /// <summary>Where messages from this connection go; null when they are to be ignored.</summary>
    public IMessageSink? SinkFor(ConnectionLifetime connection) => Volatile.Read(ref source) == connection ? Volatile.Read(ref sink) : null;

    /// <summary>From now on this one gets the messages.</summary>
    /// <returns>Whether Redis has the name already.</returns>
    public bool Attach(IMessageSink to)
    {
        lock (gate)
        {
            Volatile.Write(ref sink, to);
            return wasConfirmed = IsConfirmed;
        }
    }

    /// <summary>Nobody gets its messages any more.</summary>
    public void Detach() => Volatile.Write(ref sink, null);

    /// <summary>It is about to be unsubscribed: what still comes is ignored, until it is confirmed anew.</summary>
    public void Forget() => Volatile.Write(ref source, null);

    /// <summary>
    /// Redis has confirmed the name on this connection. Where it had been confirmed before, on another or before it was unsubscribed, messages may be
    /// missing just here.
    /// </summary>
    public void Confirm(ConnectionLifetime connection, List<IBroadcast> due)
    {
        if (IsConfirmed)
            return;
        var hasLock = TryEnter();
        try
        {
            IMessageSink? told;
            lock (gate)
            {
                if (!connection.IsAlive || IsConfirmed)
                    return;
                told = wasConfirmed ? sink : null;
                wasConfirmed = true;
                Volatile.Write(ref source, connection);
            }
            if (hasLock)
                told?.OnGap(GapCode.Redis, due);
        }
        finally
        {
            Exit(hasLock, due);
        }
    }

    /// <summary>Redis has unsubscribed the name on this connection.</summary>
    public void Unconfirm(ConnectionLifetime connection) => Interlocked.CompareExchange(ref source, null, connection);

    /// <summary>Gives the sink what has come on this connection, unless another has taken its place meanwhile.</summary>
    public void Deliver(ConnectionLifetime connection, ReadOnlySpan<Message> messages, int dropped, List<IBroadcast> due)
    {
        var hasLock = TryEnter();
        try
        {
            if (!hasLock || SinkFor(connection) is not { } to)
                return;
            if (dropped > 0)
                to.Drop(dropped, due);
            if (messages.Length > 0)
                to.Deliver(messages, due);
        }
        finally
        {
            Exit(hasLock, due);
        }
    }

    public void OnGap(ConnectionLifetime connection, GapCode code, List<IBroadcast> due)
    {
        var hasLock = TryEnter();
        try
        {
            if (hasLock)
                SinkFor(connection)?.OnGap(code, due);
        }
        finally
        {
            Exit(hasLock, due);
        }
    }

    /// <summary>Waits briefly for the other thread. If that is stuck, the call is skipped, and counted.</summary>
    private bool TryEnter()
    {
        if (delivering.TryEnter(Volatile.Read(ref skipped) > 0 ? TimeSpan.Zero : DeliveredWithin))
            return true;
        Interlocked.Increment(ref skipped);
        return false;
    }

    private void Exit(bool hasLock, List<IBroadcast> due)
    {
        // A call may be skipped after this thread has looked: so it looks once more without the lock.
        while (hasLock || (Volatile.Read(ref skipped) > 0 && delivering.TryEnter()))
        {
            try
            {
                if (Interlocked.Exchange(ref skipped, 0) > 0)
                    Volatile.Read(ref sink)?.OnGap(GapCode.Internal, due);
            }
            finally
            {
                delivering.Exit();
            }
            hasLock = false;
        }
    }
}

/// <summary>All names that are, or are to be, subscribed in Redis. Thread-safe.</summary>
internal sealed class SubscribedNames
{
    private readonly Lock gate = new();
    private readonly Dictionary<byte[], SubscribedName> channels = new(ByteStrings.Comparer);
    private readonly Dictionary<byte[], SubscribedName> patterns = new(ByteStrings.Comparer);

    public void Add(SubscribedName name)
    {
        lock (gate)
            TableFor(name.IsPattern).Add(name.Bytes, name);
    }

    public void Remove(SubscribedName name)
    {
        lock (gate)
            TableFor(name.IsPattern).Remove(name.Bytes);
    }

    /// <returns>Null for a name that is the library's alone.</returns>
    public SubscribedName? Find(bool isPattern, ReadOnlySpan<byte> name)
    {
        lock (gate)
            return TableFor(isPattern).GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out var found) ? found : null;
    }

    private Dictionary<byte[], SubscribedName> TableFor(bool isPattern) => isPattern ? patterns : channels;
}
