using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Notifier.Endpoints;

/// <summary>
/// How much processor time the current thread has used. On a busy machine a thread also waits for a processor, sometimes a hundred times as long, and no visitor
/// is to pay for that.
/// </summary>
internal static partial class ThreadTime
{
    private static readonly int? Clock = !Environment.Is64BitProcess ? null
        : OperatingSystem.IsLinux() ? 3
        : OperatingSystem.IsMacOS() ? 16
        : null;

    /// <summary>A time to compare with a later one of the same thread. Where the system has no such clock, it is the time that passes.</summary>
    public static TimeSpan Now => Clock is { } clock && GetTime(clock, out var time) == 0
        ? new(checked((time.Seconds * TimeSpan.TicksPerSecond) + (time.Nanoseconds / TimeSpan.NanosecondsPerTick)))
        : Stopwatch.GetElapsedTime(0);

    /// <summary>What the thread has used since <see cref="Now"/> was read.</summary>
    public static TimeSpan Since(TimeSpan before) => Now - before;

    /// <summary>POSIX, CLOCK_THREAD_CPUTIME_ID.</summary>
    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out Time time);

    /// <summary>A timespec of a 64-bit system.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Time
    {
        public readonly long Seconds;
        public readonly long Nanoseconds;
    }
}
