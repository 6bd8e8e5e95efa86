using System.Diagnostics;

namespace Notifier.Tests.Support;

/// <summary>Waits, within a limit, for a state that nothing signals, such as a count in Redis or memory that a process frees.</summary>
internal static class Eventually
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    public static Task IsAsync(Func<bool> condition, string what, TimeSpan? limit = null) =>
        IsAsync(() => Task.FromResult(condition()), what, limit);

    public static async Task IsAsync(Func<Task<bool>> condition, string what, TimeSpan? limit = null)
    {
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        var started = Stopwatch.StartNew();
        while (!await condition())
        {
            if (started.Elapsed > (limit ?? Limit))
                throw new TimeoutException($"Not within {(limit ?? Limit).TotalSeconds} s: {what}");
            await poll.WaitForNextTickAsync();
        }
    }
}
