namespace Notifier.Tests.Support;

/// <summary>The memory of this process that is in use, for tests that run alone.</summary>
internal static class LiveMemory
{
    /// <summary>What one collection does not free, of objects with finalizers.</summary>
    private const long Jitter = 64 * 1024;

    /// <summary>How many bytes are in use now.</summary>
    public static long Now() => GC.GetTotalMemory(forceFullCollection: true);

    /// <summary>How many bytes are in use when earlier tests no longer free memory: their servers take a while to end.</summary>
    public static async Task<long> SettledAsync()
    {
        var (last, unchanged) = (Now(), 0);
        await Eventually.IsAsync(
            () =>
            {
                var now = Now();
                unchanged = Math.Abs(now - last) < Jitter ? unchanged + 1 : 0;
                last = now;
                return unchanged == 5;
            },
            "no earlier test frees memory");
        return last;
    }
}
