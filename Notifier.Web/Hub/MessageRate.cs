namespace Notifier.Hub;

/// <summary>How fast messages come, smoothed over some ten seconds. Looked at once a second by one sweep; anybody may read it.</summary>
internal sealed class MessageRate
{
    private const double Share = 0.1;

    private long head;
    private double perSecond;

    /// <summary>The number that the next message would have got when it was last looked at.</summary>
    public long Head => Volatile.Read(ref head);

    public double PerSecond => Volatile.Read(ref perSecond);

    public void Sample(long now)
    {
        if (head > 0)
            Volatile.Write(ref perSecond, perSecond + (Share * (now - head - perSecond)));
        Volatile.Write(ref head, now);
    }
}
