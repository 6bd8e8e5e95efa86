using Notifier.Messages;

namespace Notifier.Redis.Receiver;

/// <summary>
/// The state of a thread that reads from Redis. During a delivery the receiver's state is consistent, so that another thread can replace this one. Only
/// the current reader enters a delivery; <see cref="Interlocked"/> decides whether it leaves the delivery first, or is replaced first.
/// </summary>
internal sealed class ReaderThread
{
    /// <summary>The most messages that are delivered together, if they have the same name.</summary>
    public const int LongestRun = 256;

    /// <summary>After this many writes of a small batch the thread polls Redis: about every half a millisecond.</summary>
    private const int WritesBetweenPolls = 256;

    private const int Reading = 0;
    private const int Delivering = 1;
    private const int Replaced = 2;

    private readonly Action<ReaderThread> poll;
    private int state;
    private int progress;
    private int writes;

    // Used by the watchdog only.
    private int lastProgress;
    private int stuckSamples;

    /// <param name="poll">Reads, in the middle of a broadcast, what Redis has sent meanwhile.</param>
    public ReaderThread(Action<ReaderThread> poll)
    {
        this.poll = poll;
        OnSent = CountSent;
    }

    /// <summary>Messages of one name, about to be delivered.</summary>
    public Message[] Messages { get; } = new Message[LongestRun];

    /// <summary>The broadcasts that a delivery leaves to this thread.</summary>
    public List<IBroadcast> Due { get; } = [];

    /// <summary>See <see cref="IBroadcast.Broadcast"/>.</summary>
    public Action<int> OnSent { get; }

    /// <summary>Whether another thread reads now, because this one was stuck in a delivery.</summary>
    public bool IsReplaced => Volatile.Read(ref state) == Replaced;

    /// <summary>Called before code that might get stuck.</summary>
    public void Enter()
    {
        progress++;
        Volatile.Write(ref state, Delivering);
    }

    /// <summary>Called after that code. False when another thread has replaced this one.</summary>
    public bool TryLeave() => Interlocked.CompareExchange(ref state, Reading, Delivering) == Delivering;

    public bool TryReplace() => Interlocked.CompareExchange(ref state, Replaced, Delivering) == Delivering;

    /// <summary>Takes a sample. True when the thread has made no progress in the last two samples.</summary>
    public bool IsStuck()
    {
        var current = Volatile.Read(ref progress);
        stuckSamples = current == lastProgress && Volatile.Read(ref state) == Delivering ? stuckSamples + 1 : 0;
        lastProgress = current;
        return stuckSamples >= 2;
    }

    private void CountSent(int count)
    {
        progress++;
        writes += count;
        if (writes < WritesBetweenPolls)
            return;
        writes = 0;
        poll(this);
    }
}
