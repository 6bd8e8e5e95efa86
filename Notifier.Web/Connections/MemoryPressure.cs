using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Connections;

/// <summary>
/// Whether the process uses so much memory that it should accept nothing more. Sampled once a second, even without a request, because an idle process collects
/// no garbage by itself and would stay full forever. Thread-safe.
/// </summary>
/// <remarks>
/// What counts is the memory in use: the objects on the heap, and the memory that is not the garbage collector's. Memory that the collector keeps for later
/// does not count. Objects may be garbage, so a high sample counts only after a collection. That one runs in the background, because a blocking one would
/// delay each message.
/// </remarks>
internal sealed class MemoryPressure(IOptions<LimitsOptions> limits, TimeProvider time) : StoppableService
{
    private static readonly TimeSpan SampleInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CollectionInterval = TimeSpan.FromSeconds(10);

    /// <summary>How long a collection may take before a high sample counts.</summary>
    private static readonly TimeSpan CollectionTimeout = TimeSpan.FromSeconds(3);

    private readonly Lock gate = new();
    private long? sampledAt;
    private long? collectedAt;
    private long? highSince;
    private long collections;
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
                return isHigh = Sample();
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(SampleInterval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            _ = IsHigh;
    }

    private bool Sample()
    {
        var limit = limits.Value.MemoryShare * GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (InUse() <= limit)
        {
            highSince = null;
            return false;
        }
        if (highSince is null)
            (highSince, collections) = (time.GetTimestamp(), FullCollections);
        if (collectedAt is not { } at || time.GetElapsedTime(at) >= CollectionInterval)
        {
            collectedAt = time.GetTimestamp();
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        }
        // Not before a collection: what seems to be in use may be garbage.
        var isKnown = isHigh || FullCollections > collections
            || (collectedAt >= highSince && time.GetElapsedTime(collectedAt.Value) >= CollectionTimeout);
        return isKnown && InUse() > limit;
    }

    private static long InUse()
    {
        var resident = Environment.WorkingSet;
        var others = Math.Max(0, resident - GC.GetGCMemoryInfo().TotalCommittedBytes);
        return Math.Min(resident, others + GC.GetTotalMemory(forceFullCollection: false));
    }

    /// <summary>Grows whenever a collection of the whole heap has ended.</summary>
    private static long FullCollections => Math.Max(GC.GetGCMemoryInfo(GCKind.Background).Index, GC.GetGCMemoryInfo(GCKind.FullBlocking).Index);
}
