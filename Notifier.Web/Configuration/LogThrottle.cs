namespace Notifier.Configuration;

/// <summary>Limits repeated log lines to one per minute, and counts the events in between. Thread-safe.</summary>
internal sealed class LogThrottle(TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private long? last;
    private int unlogged;

    /// <summary>Counts an event.</summary>
    /// <param name="count">The number of events since the last logged one, including this one.</param>
    /// <returns>Whether to log this event.</returns>
    public bool ShouldLog(out int count)
    {
        lock (gate)
        {
            count = ++unlogged;
            if (last is { } before && time.GetElapsedTime(before) < Interval)
                return false;
            last = time.GetTimestamp();
            unlogged = 0;
            return true;
        }
    }
}
