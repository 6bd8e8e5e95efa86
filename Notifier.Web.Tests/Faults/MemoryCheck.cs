using System.Runtime;
using FluentAssertions;

namespace Notifier.Tests.Faults;

/// <summary>
/// How much memory this process has of the machine, node and clients together: within 20 % of what it had before a fault, once all have gone. Only where the
/// fault suite has the process to itself (<c>./test.sh --faults</c>), for other tests take memory when they like.
/// </summary>
internal sealed class MemoryCheck
{
    private const double Allowed = 1.2;

    private readonly long before = IsLookedAt ? Bytes : 0;

    public static bool IsLookedAt { get; } = Environment.GetEnvironmentVariable("NOTIFIER_FAULTS_ALONE") is not null;

    private static long Bytes
    {
        get
        {
            using var process = System.Diagnostics.Process.GetCurrentProcess();
            return process.WorkingSet64;
        }
    }

    /// <summary>What the collector could give back is no growth.</summary>
    /// <returns>For the row.</returns>
    public string Check()
    {
        if (!IsLookedAt)
            return "";
        GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        var after = Bytes;
        ((double)after).Should().BeLessThan(before * Allowed, "nothing of a fault stays in memory");
        return $"RSS {before >> 20} → {after >> 20} MiB";
    }
}
