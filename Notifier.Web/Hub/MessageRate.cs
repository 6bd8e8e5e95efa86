namespace Notifier.Hub;

/// <summary>Messages per second, smoothed over about 10 s. Sampled once a second by the sweep; any thread may read it.</summary>
internal sealed class MessageRate
{
    private const double Share = 0.1;

    private long head;
    private double perSecond;

    /// <summary>The number of the next message at the latest sample.</summary>
    public long Head => Volatile.Read(ref head);

    public double PerSecond => Volatile.Read(ref perSecond);

    public void Sample(long currentHead)
    {
        if (head > 0)
            Volatile.Write(ref perSecond, perSecond + (Share * (currentHead - head - perSecond)));
        Volatile.Write(ref head, currentHead);
    }
}
