namespace Notifier.Connections;

/// <summary>Whether the process uses so much memory that it should accept no more connections. Sampled once a second. Thread-safe.</summary>
/// <param name="share">The share of the memory that the process may use. In a container, that is a share of the container's limit.</param>
/// <param name="time">The clock.</param>
internal sealed class MemoryPressure(double share, TimeProvider time)
{
    private static readonly TimeSpan SampleInterval = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private long? sampledAt;
    private bool isHigh;

    public bool IsHigh
    {
        get
        {
            lock (gate)
            {
                if (sampledAt is { } at && time.GetElapsedTime(at) < SampleInterval)
                    return isHigh;
                sampledAt = time.GetTimestamp();
                isHigh = Environment.WorkingSet > share * GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
                return isHigh;
            }
        }
    }
}
