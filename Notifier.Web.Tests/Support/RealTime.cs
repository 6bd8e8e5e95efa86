namespace Notifier.Tests.Support;

/// <summary>
/// Waits for which real time is the point: the length of a fault, the pause of a client before it reconnects, the pace of a load. A test that waits for
/// something to happen uses <see cref="Eventually"/> instead.
/// </summary>
internal static class RealTime
{
    public static Task PassesAsync(TimeSpan time, CancellationToken cancellation = default) => Task.Delay(time, cancellation);

    /// <summary>The same on the calling thread, for a test that leaves the thread pool no thread.</summary>
    public static void Passes(TimeSpan time) => Thread.Sleep(time);

    /// <summary>The pace of a load: a step that takes time does not delay the next one, so the rate stays.</summary>
    public static PeriodicTimer Pace(TimeSpan time) => new(time);
}

/// <summary>An answer that never comes: of an application that hangs, in a request body without an end, from a client that does not read.</summary>
internal static class Never
{
    /// <summary>Completes only by cancellation.</summary>
    public static Task AnswersAsync(CancellationToken cancellation) => Task.Delay(Timeout.Infinite, cancellation);
}
