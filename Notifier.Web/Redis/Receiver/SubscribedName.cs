using Notifier.Messages;

namespace Notifier.Redis.Receiver;

/// <summary>
/// The state of a name, as read from Redis: which connection has confirmed it, and which sink gets its messages. The messages of the first connection that
/// confirms the name are delivered; those of any other are ignored while that one lives, so that no message arrives twice. Thread-safe.
/// </summary>
/// <remarks>
/// One thread at a time calls the sink. If such a call is stuck, other threads do not wait for it: the messages that arrive meanwhile are skipped, and a gap
/// replaces them when the call ends.
/// </remarks>
/// <param name="bytes">The name as Redis knows it.</param>
/// <param name="isPattern">Whether it is a pattern.</param>
internal sealed class SubscribedName(byte[] bytes, bool isPattern)
{
    /// <summary>How long to wait for another thread's delivery, which takes microseconds.</summary>
    private static readonly TimeSpan DeliveryTimeout = TimeSpan.FromMilliseconds(50);

    /// <summary>Locked while the sink is called.</summary>
    private readonly Lock delivering = new();

    /// <summary>Guards the fields below. Never locked during a call to a sink.</summary>
    private readonly Lock gate = new();
    private IMessageSink? sink;
    /// <summary>The connection whose messages count, or null.</summary>
    private ConnectionLifetime? confirmedOn;
    private bool wasConfirmed;

    /// <summary>How many calls gave up waiting. Reset by the thread that has the lock.</summary>
    private int skipped;

    public byte[] Bytes => bytes;

    public bool IsPattern => isPattern;

    /// <summary>Whether Redis has confirmed the name on a connection that lives.</summary>
    public bool IsConfirmed => Volatile.Read(ref confirmedOn) is { IsAlive: true };

    /// <summary>The sink for messages from this connection; null when they are to be ignored.</summary>
    public IMessageSink? SinkFor(ConnectionLifetime lifetime) => Volatile.Read(ref confirmedOn) == lifetime ? Volatile.Read(ref sink) : null;

    /// <summary>Sends the messages to this sink from now on.</summary>
    /// <returns>Whether Redis has already confirmed the name.</returns>
    public bool Attach(IMessageSink to)
    {
        lock (gate)
        {
            Volatile.Write(ref sink, to);
            return wasConfirmed = IsConfirmed;
        }
    }

    /// <summary>Discards the messages from now on.</summary>
    public void Detach() => Volatile.Write(ref sink, null);

    /// <summary>The name is about to be unsubscribed: messages are ignored until Redis confirms it again.</summary>
    public void Forget() => Volatile.Write(ref confirmedOn, null);

    /// <summary>
    /// Redis has confirmed the name on this connection. If it is not the first confirmation for this sink, messages may have been lost before it, and the sink
    /// gets a gap.
    /// </summary>
    public void Confirm(ConnectionLifetime lifetime, List<IBroadcast> due)
    {
        if (IsConfirmed)
            return;
        var hasLock = TryEnter();
        try
        {
            IMessageSink? notified;
            lock (gate)
            {
                if (!lifetime.IsAlive || IsConfirmed)
                    return;
                notified = wasConfirmed ? sink : null;
                wasConfirmed = true;
                Volatile.Write(ref confirmedOn, lifetime);
            }
            if (hasLock)
                notified?.OnGap(GapCode.Redis, due);
        }
        finally
        {
            Exit(hasLock, due);
        }
    }

    /// <summary>Redis has unsubscribed the name on this connection.</summary>
    public void Unconfirm(ConnectionLifetime lifetime) => Interlocked.CompareExchange(ref confirmedOn, null, lifetime);

    /// <summary>Delivers the messages of this connection to the sink, unless another connection has confirmed the name meanwhile.</summary>
    public void Deliver(ConnectionLifetime lifetime, ReadOnlySpan<Message> messages, int dropped, List<IBroadcast> due)
    {
        var hasLock = TryEnter();
        try
        {
            if (!hasLock || SinkFor(lifetime) is not { } to)
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

    public void OnGap(ConnectionLifetime lifetime, GapCode code, List<IBroadcast> due)
    {
        var hasLock = TryEnter();
        try
        {
            if (hasLock)
                SinkFor(lifetime)?.OnGap(code, due);
        }
        finally
        {
            Exit(hasLock, due);
        }
    }

    /// <summary>Waits briefly for the other thread. If that thread is stuck, the call is skipped and counted.</summary>
    private bool TryEnter()
    {
        if (delivering.TryEnter(Volatile.Read(ref skipped) > 0 ? TimeSpan.Zero : DeliveryTimeout))
            return true;
        Interlocked.Increment(ref skipped);
        return false;
    }

    private void Exit(bool hasLock, List<IBroadcast> due)
    {
        // Another call may be skipped after this thread has checked, so it checks once more after it has released the lock.
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

/// <summary>All names that are, or will be, subscribed in Redis. Thread-safe.</summary>
internal sealed class SubscribedNames
{
    private readonly Lock gate = new();
    private readonly Dictionary<byte[], SubscribedName> channels = new(ByteArrayComparer.Instance);
    private readonly Dictionary<byte[], SubscribedName> patterns = new(ByteArrayComparer.Instance);

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

    /// <returns>Null for a name that only the library uses.</returns>
    public SubscribedName? Find(bool isPattern, ReadOnlySpan<byte> name)
    {
        lock (gate)
            return TableFor(isPattern).GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(name, out var found) ? found : null;
    }

    private Dictionary<byte[], SubscribedName> TableFor(bool isPattern) => isPattern ? patterns : channels;
}
