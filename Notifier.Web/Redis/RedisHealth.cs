using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// Whether Redis answers, as far as the library reports that. Logs each change once, however many attempts fail: that Redis is away and why, the error that
/// Redis itself gives, and that Redis is back. Thread-safe.
/// </summary>
/// <param name="logger">The log.</param>
/// <param name="stopping">Cancelled when the process ends: nothing is logged afterwards.</param>
internal sealed partial class RedisHealth(ILogger logger, CancellationToken stopping)
{
    private readonly Lock gate = new();
    private int isAway;
    private int losses;
    private int answersWithErrors;

    /// <summary>The latest failure since Redis was last there.</summary>
    private RedisFailure? latest;

    /// <summary>The cause in the log since Redis is away; null if there is none.</summary>
    private string? logged;

    /// <summary>Whether Redis was away, and is not yet known to be back.</summary>
    public bool IsAway => Volatile.Read(ref isAway) == 1;

    /// <summary>Whether Redis answers with errors.</summary>
    public bool AnswersWithErrors => Volatile.Read(ref answersWithErrors) == 1;

    /// <summary>
    /// How many losses were reported. Read this before a ping: its answer says that Redis is back only if no loss was reported since. An answer may precede
    /// a loss, and yet be noticed after it.
    /// </summary>
    public int Losses => Volatile.Read(ref losses);

    /// <param name="redis">Which Redis, for the log, if no connection to it has failed.</param>
    public void ReportAway(string redis)
    {
        RedisFailure? failure;
        lock (gate)
        {
            losses++;
            if (stopping.IsCancellationRequested || Interlocked.Exchange(ref isAway, 1) == 1)
                return;
            failure = latest;
            logged = failure?.Cause;
        }
        Log.Away(logger, failure?.ToString() ?? redis);
    }

    /// <summary>Redis has answered.</summary>
    /// <param name="knownLosses"><see cref="Losses"/> before the question was sent.</param>
    /// <returns>False, and nothing changes, if a loss was reported since: only a new question tells whether Redis answers now.</returns>
    public bool TryReportBack(int knownLosses)
    {
        lock (gate)
        {
            if (knownLosses != losses)
                return false;
            Volatile.Write(ref answersWithErrors, 0);
            (latest, logged) = (null, null);
            if (Interlocked.Exchange(ref isAway, 0) == 0)
                return true;
        }
        Log.Back(logger);
        return true;
    }

    /// <summary>
    /// A connection, or an attempt to connect, has failed. The next line in the log has the cause. If Redis is away already, the cause is logged if none is yet,
    /// or if it is another one that somebody has to act upon.
    /// </summary>
    public void Note(RedisFailure failure)
    {
        lock (gate)
        {
            if (failure.IsVague && latest is not null)
                return;
            latest = failure;
            if (stopping.IsCancellationRequested || !IsAway || failure.Cause == logged || (logged is not null && !failure.IsLasting))
                return;
            logged = failure.Cause;
        }
        Log.Unreachable(logger, failure.ToString());
    }

    /// <summary>The library gives up, although it is configured not to.</summary>
    public void ReportUnusable(Exception error)
    {
        if (!stopping.IsCancellationRequested && Interlocked.Exchange(ref isAway, 1) == 0)
            Log.CannotConnect(logger, error.Message);
    }

    /// <summary>An attempt to connect has ended. If Redis gave an error, it is logged once until Redis is back.</summary>
    /// <param name="attempt">What the library reports.</param>
    /// <param name="server">Host and port.</param>
    /// <param name="setting">The setting that has the user and the password.</param>
    public void Report(ConnectionAttemptCompletedEventArgs attempt, string server, string setting)
    {
        if (attempt.IsSuccess)
            return;
        Note(ReplyIn(attempt.Exception) is not null
            ? new(server, "it answers with an error", IsLasting: false)
            : RedisFailure.From(server, attempt.FailureType, attempt.Exception, attempt.Stage));
        if (attempt.FailureType == ConnectionFailureType.AuthenticationFailure)
        {
            // If encryption failed, Redis has not seen the password.
            if (!RedisFailure.IsOfTls(attempt.Exception, attempt.Stage) && Interlocked.Exchange(ref answersWithErrors, 1) == 0)
                Log.Refused(logger, server, setting);
        }
        // The library does not pass on the text of this error.
        else if (attempt.FailureType == ConnectionFailureType.Loading)
            ReportErrorReply("LOADING (Redis reads its data)");
        else
            Report(attempt.Exception);
    }

    /// <summary>A command has failed. If Redis gave an error, it is logged once until Redis is back.</summary>
    public void Report(Exception? error)
    {
        if (ReplyIn(error) is { } reply)
            ReportErrorReply(reply);
    }

    private void ReportErrorReply(string reply)
    {
        if (!stopping.IsCancellationRequested && Interlocked.Exchange(ref answersWithErrors, 1) == 0)
            Log.ErrorReply(logger, reply);
    }

    private static string? ReplyIn(Exception? error) => error switch
    {
        null => null,
        RedisServerException => error.Message,
        // The library replaces the text of Redis: "Endpoint … is not reachable at this point of time".
        RedisConnectionException when error.Message.StartsWith("Endpoint ", StringComparison.Ordinal) => "MOVED (to a server that cannot be reached)",
        AggregateException many => many.InnerExceptions.Select(ReplyIn).FirstOrDefault(static reply => reply is not null),
        _ => ReplyIn(error.InnerException),
    };

    private static partial class Log
    {
        [LoggerMessage(6, LogLevel.Warning, "Redis does not answer ({Redis}). Browsers stay connected; Notifier keeps trying.")]
        public static partial void Away(ILogger logger, string redis);

        [LoggerMessage(7, LogLevel.Information, "Redis is back: all names are subscribed again.")]
        public static partial void Back(ILogger logger);

        [LoggerMessage(8, LogLevel.Error, "Redis authentication failed ({Server}): check the user and the password in {Setting}.")]
        public static partial void Refused(ILogger logger, string server, string setting);

        [LoggerMessage(9, LogLevel.Error, "Redis answers with an error; Notifier keeps trying. Redis says: {Answer}")]
        public static partial void ErrorReply(ILogger logger, string answer);

        [LoggerMessage(10, LogLevel.Error, "Redis cannot be used with this configuration; Notifier keeps trying: {Error}")]
        public static partial void CannotConnect(ILogger logger, string error);

        [LoggerMessage(25, LogLevel.Warning, "Redis cannot be reached ({Redis}). Notifier keeps trying.")]
        public static partial void Unreachable(ILogger logger, string redis);
    }
}
