namespace Notifier.Configuration;

/// <summary>Limits repeated log lines to one per minute, and counts the events in between. Thread-safe.</summary>
internal sealed class LogThrottle(TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private long? last;
    private int count;

    /// <summary>Counts an event.</summary>
    /// <param name="since">The number of events since the last logged one, including this one.</param>
    /// <returns>Whether to log this event.</returns>
    public bool IsDue(out int since)
    {
        lock (gate)
        {
            since = ++count;
            if (last is { } before && time.GetElapsedTime(before) < Interval)
                return false;
            last = time.GetTimestamp();
            count = 0;
            return true;
        }
    }
}
