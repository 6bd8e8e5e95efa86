using System.Runtime;
using FluentAssertions;

namespace Notifier.Tests.Faults;

/// <summary>
/// What a test can tell of this process, the node and its clients together, only if no other test runs beside it: the memory is back within 20 % of what it was
/// before the fault, and no task failed unobserved, of a library either. It checks nothing unless the fault suite has the process to itself
/// (<see cref="FaultSuite.RunsAlone"/>).
/// </summary>
internal sealed class ProcessCheck
{
    private const double Allowed = 1.2;

    private readonly long before = FaultSuite.RunsAlone ? Bytes : 0;
    private readonly int failures = FaultSuite.RunsAlone ? UnobservedFailures.All().Count : 0;

    private static long Bytes
    {
        get
        {
            using var process = System.Diagnostics.Process.GetCurrentProcess();
            return process.WorkingSet64;
        }
    }

    /// <returns>For the row of the fault.</returns>
    public string Check()
    {
        if (!FaultSuite.RunsAlone)
            return "";
        UnobservedFailures.All().Skip(failures).Should().BeEmpty("each task that fails is observed");
        // Memory that the collector could return is not growth.
        GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        var after = Bytes;
        ((double)after).Should().BeLessThan(before * Allowed, "a fault leaves nothing in memory");
        return $"RSS {before >> 20} → {after >> 20} MiB";
    }
}
