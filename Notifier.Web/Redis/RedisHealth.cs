using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// Whether Redis serves, as far as the library lets one know; and the log of it: one line when it is away, one with what it says itself
/// where that is known, one when it is back, however often that is tried. Thread-safe.
/// </summary>
/// <param name="logger">Where it is told.</param>
/// <param name="stopping">From then on nothing is told: the process itself goes away.</param>
internal sealed partial class RedisHealth(ILogger logger, CancellationToken stopping)
{
    private int isAway;
    private int isRefused;

    /// <summary>Whether it was away, and is not yet known to be back.</summary>
    public bool IsAway => Volatile.Read(ref isAway) == 1;

    /// <summary>Whether it is there, and answers with errors.</summary>
    public bool IsRefused => Volatile.Read(ref isRefused) == 1;

    public void ReportAway(string redis)
    {
        if (!stopping.IsCancellationRequested && Interlocked.Exchange(ref isAway, 1) == 0)
            Log.Away(logger, redis);
    }

    public void ReportBack()
    {
        Volatile.Write(ref isRefused, 0);
        if (Interlocked.Exchange(ref isAway, 0) == 1)
            Log.Back(logger);
    }

    /// <summary>The library gives up, though it was told not to.</summary>
    public void ReportUnusable(Exception error)
    {
        if (!stopping.IsCancellationRequested && Interlocked.Exchange(ref isAway, 1) == 0)
            Log.CannotConnect(logger, error.Message);
    }

    /// <summary>An attempt to connect has ended: what Redis itself says against it, once until it is back.</summary>
    public void Report(ConnectionAttemptCompletedEventArgs attempt)
    {
        if (attempt.IsSuccess)
            return;
        if (attempt.FailureType == ConnectionFailureType.AuthenticationFailure)
        {
            if (Interlocked.Exchange(ref isRefused, 1) == 0)
                Log.Refused(logger);
        }
        // Of this one the library keeps Redis' words to itself.
        else if (attempt.FailureType == ConnectionFailureType.Loading)
            ReportRefused("LOADING (it reads its data)");
        else
            Report(attempt.Exception);
    }

    /// <summary>A command has failed: what Redis says instead of an answer, once until it is back. Nothing where it has said nothing.</summary>
    public void Report(Exception? error)
    {
        if (ReplyIn(error) is { } said)
            ReportRefused(said);
    }

    private void ReportRefused(string said)
    {
        if (!stopping.IsCancellationRequested && Interlocked.Exchange(ref isRefused, 1) == 0)
            Log.Says(logger, said);
    }

    private static string? ReplyIn(Exception? error) => error switch
    {
        null => null,
        RedisServerException => error.Message,
        // What the library makes of it: "Endpoint … is not reachable at this point of time".
        RedisConnectionException when error.Message.StartsWith("Endpoint ", StringComparison.Ordinal) => "MOVED (to a server that cannot be reached)",
        AggregateException many => many.InnerExceptions.Select(ReplyIn).FirstOrDefault(static said => said is not null),
        _ => ReplyIn(error.InnerException),
    };

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Redis does not answer ({Redis}). Browsers stay connected; trying until it does.")]
        public static partial void Away(ILogger logger, string redis);

        [LoggerMessage(LogLevel.Information, "Redis is back: all names are subscribed again.")]
        public static partial void Back(ILogger logger);

        [LoggerMessage(LogLevel.Error, "Redis refuses to let Notifier in: check the user and the password in Redis:Configuration.")]
        public static partial void Refused(ILogger logger);

        [LoggerMessage(LogLevel.Error, "Redis answers, but not as it should; trying until it does. It says: {Answer}")]
        public static partial void Says(ILogger logger, string answer);

        [LoggerMessage(LogLevel.Error, "Redis cannot be used as configured; trying again: {Error}")]
        public static partial void CannotConnect(ILogger logger, string error);
    }
}
