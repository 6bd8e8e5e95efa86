using Notifier.Messages;

namespace Notifier.Redis.Receiver;

/// <summary>
/// One thread's turn at reading. During a delivery the receiver's state is consistent, so that another thread can take over. Only the thread on shift
/// enters a delivery; <see cref="Interlocked"/> decides whether it leaves, or is relieved.
/// </summary>
internal sealed class ReceiverShift
{
    /// <summary>Messages that are delivered together, where they are of one name.</summary>
    public const int LongestRun = 256;

    /// <summary>After so many writes of a small batch Redis is looked at again: half a millisecond or so.</summary>
    private const int WritesBetweenPolls = 256;

    private const int Reading = 0;
    private const int Delivering = 1;
    private const int Relieved = 2;

    private readonly Action<ReceiverShift> readDuringBroadcast;
    private int state;
    private int progress;
    private int writes;

    // Of the watchdog.
    private int seen;
    private int samples;

    /// <param name="poll">Looks, in the middle of a broadcast, whether Redis has sent more.</param>
    public ReceiverShift(Action<ReceiverShift> poll)
    {
        this.readDuringBroadcast = poll;
        OnSent = CountSent;
    }

    /// <summary>Messages of one name, about to be delivered.</summary>
    public Message[] Messages { get; } = new Message[LongestRun];

    /// <summary>What a delivery leaves to be broadcast.</summary>
    public List<IBroadcast> Due { get; } = [];

    /// <summary>See <see cref="IBroadcast.Broadcast"/>.</summary>
    public Action<int> OnSent { get; }

    /// <summary>Whether another thread has taken over, in the middle of a delivery.</summary>
    public bool IsRelieved => Volatile.Read(ref state) == Relieved;

    /// <summary>Before code that might get stuck.</summary>
    public void Enter()
    {
        progress++;
        Volatile.Write(ref state, Delivering);
    }

    /// <summary>After it. False when another thread has taken over.</summary>
    public bool TryLeave() => Interlocked.CompareExchange(ref state, Reading, Delivering) == Delivering;

    public bool TryRelieve() => Interlocked.CompareExchange(ref state, Relieved, Delivering) == Delivering;

    /// <summary>Whether the last two looks saw no progress since the look before.</summary>
    public bool IsStuck()
    {
        var now = Volatile.Read(ref progress);
        samples = now == seen && Volatile.Read(ref state) == Delivering ? samples + 1 : 0;
        seen = now;
        return samples >= 2;
    }

    private void CountSent(int count)
    {
        progress++;
        writes += count;
        if (writes < WritesBetweenPolls)
            return;
        writes = 0;
        readDuringBroadcast(this);
    }
}
