namespace Notifier.Configuration;

/// <summary>Lets one of many equal events a minute be logged, and counts the others. Thread-safe.</summary>
internal sealed class LogThrottle(TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private long? last;
    private int count;

    /// <summary>Counts one.</summary>
    /// <param name="since">How many there were since the last one that was let through, this one included.</param>
    /// <returns>Whether this one is to be logged.</returns>
    public bool IsDue(out int since)
    {
        lock (gate)
        {
            since = ++count;
            if (last is { } before && time.GetElapsedTime(before) < Pause)
                return false;
            last = time.GetTimestamp();
            count = 0;
            return true;
        }
    }
}
