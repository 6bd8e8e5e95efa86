namespace Notifier.History.Durable;

/// <summary>
/// When one name may read the journal because of lines that are not proven. Anyone who can publish can write such lines, and could keep Redis busy with
/// them. So after a read that found nothing new, the name's next one waits a second. Created with the name's first such line; used by the follower's worker.
/// </summary>
/// <param name="node">The limit of all names together.</param>
/// <param name="read">Called when a read that had to wait is due.</param>
internal sealed class DoubtfulReads(VainReads node, Action read)
{
    private const int Idle = 0;
    private const int Waiting = 1;
    private const int Reading = 2;

    private int state;
    private long? vainAt;

    /// <summary>Whether the read must wait. If so, it follows by itself. If not, the caller reads at once, and calls <see cref="OnRead"/>.</summary>
    public bool MustWait()
    {
        var before = Interlocked.CompareExchange(ref state, Waiting, Idle);
        if (before != Idle)
            return before == Waiting;
        if (node.TryBegin(vainAt) is { } delay)
        {
            _ = ReadLaterAsync(delay);
            return true;
        }
        Volatile.Write(ref state, Reading);
        return false;
    }

    /// <summary>To be called after each fetch, whatever its reason.</summary>
    /// <param name="hasFound">Whether the journal had something that the log lacked.</param>
    public void OnRead(bool hasFound)
    {
        if (Interlocked.CompareExchange(ref state, Idle, Reading) == Reading)
            vainAt = node.End(isVain: !hasFound);
    }

    private async Task ReadLaterAsync(TimeSpan delay)
    {
        for (TimeSpan? left = delay; left is { } wait; left = node.TryBegin(latestVain: null))
            await Task.Delay(wait, node.Time, node.Stopping);
        Volatile.Write(ref state, Reading);
        read();
    }
}

/// <summary>Limits the vain reads of a node: a forged line looks like a genuine one of an earlier version. Thread-safe.</summary>
internal sealed class VainReads(TimeProvider time, CancellationToken stopping)
{
    /// <summary>After so many vain reads in a second, those of all names wait.</summary>
    public const int PerSecond = 100;

    /// <summary>How many reads, vain or not, there are at once.</summary>
    public const int AtOnce = 100;

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortDelay = TimeSpan.FromMilliseconds(100);

    private readonly Lock gate = new();
    private long? began;
    private int vain;
    private int reading;

    public TimeProvider Time => time;

    public CancellationToken Stopping => stopping;

    /// <summary>Begins a read, if it need not wait.</summary>
    /// <param name="latestVain">When the name's latest read was, if that was vain.</param>
    /// <returns>How long to wait before another attempt; null if the read has begun.</returns>
    public TimeSpan? TryBegin(long? latestVain)
    {
        if (latestVain is { } at && time.GetElapsedTime(at) is var elapsed && elapsed < Second)
            return Second - elapsed;
        lock (gate)
        {
            BeginSecond();
            if (vain >= PerSecond)
                return Second;
            if (reading >= AtOnce)
                return ShortDelay;
            reading++;
            return null;
        }
    }

    /// <returns>When the read was, if it was vain.</returns>
    public long? End(bool isVain)
    {
        lock (gate)
        {
            BeginSecond();
            reading--;
            vain += isVain ? 1 : 0;
        }
        return isVain ? time.GetTimestamp() : null;
    }

    private void BeginSecond()
    {
        if (began is { } since && time.GetElapsedTime(since) < Second)
            return;
        began = time.GetTimestamp();
        vain = 0;
    }
}
