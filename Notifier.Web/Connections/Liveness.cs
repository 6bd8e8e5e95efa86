namespace Notifier.Connections;

/// <summary>What the sweep saw of a connection when it last looked.</summary>
/// <remarks>
/// Silence is counted in looks, not by the clock: when this process was paused (a snapshot, a debugger, SIGSTOP), what its peers
/// sent meanwhile still waits to be read, and they would all seem to be gone.
/// </remarks>
internal struct Pulse
{
    /// <summary>
    /// What a silent peer has taken is asked for at each third look: the question is a system call, and most peers answer a ping before it
    /// would matter.
    /// </summary>
    private const int SamplesBetweenQueries = 3;

    private int reads;
    private long acknowledged;
    private long passed;
    private int silentSamples;

    /// <summary>How many looks in turn have seen the peer neither send nor take a byte. A slow reader that moves is alive.</summary>
    public int Sample(Connection connection)
    {
        if (reads != connection.Reads)
        {
            reads = connection.Reads;
            return silentSamples = 0;
        }
        if (silentSamples++ % SamplesBetweenQueries != 0)
            return silentSamples;
        var progress = connection.Transport.Progress;
        // Acknowledged since the last question, and something of ours is on its way since the peer last showed that it lives.
        var hasTaken = silentSamples > 1 && progress.Acknowledged != acknowledged && progress.Passed != passed;
        acknowledged = progress.Acknowledged;
        if (hasTaken || silentSamples == 1)
            passed = progress.Passed;
        return silentSamples = hasTaken ? 1 : silentSamples;
    }
}

/// <summary>
/// Finds out which peers are gone, and keeps the paths to the others open: one sweep over all connections each second, no timer
/// for each. A ping every 25 s, in turns, so that not all go out at once; a peer that neither sends nor takes a byte for
/// 35 s is aborted, and so is one that does not take its close. Visits end here too (see <see cref="ConnectionAccess"/>).
/// </summary>
internal sealed partial class Liveness(ConnectionRegistry connections, TimeProvider time, ILogger<Liveness> logger) : BackgroundService
{
    public static readonly TimeSpan PingEvery = TimeSpan.FromSeconds(25);
    public static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(35);
    public static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(1);

    private int sweeps;

    /// <summary>How many sweeps have ended.</summary>
    public int Sweeps => Volatile.Read(ref sweeps);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(SweepEvery, time);
        for (long second = 0; await NextAsync(timer, stoppingToken); second++)
            Sweep(second);
    }

    private static async ValueTask<bool> NextAsync(PeriodicTimer timer, CancellationToken stopping)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stopping);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private void Sweep(long second)
    {
        var turns = (int)(PingEvery / SweepEvery);
        var now = time.GetUtcNow();
        connections.ForEach(connection =>
        {
            connection.Access?.CheckExpiry(connection, now);
            if (connection.ClosingFor > CloseLimit)
                Abort(connection, "it did not take its close");
            else if (connection.Pulse.Sample(connection) * SweepEvery > SilenceLimit)
                Abort(connection, "it neither sent nor took a byte");
            else if (second % turns == connection.PingTurn % turns)
                connection.SendPing();
        });
        Interlocked.Increment(ref sweeps);
    }

    private void Abort(Connection connection, string why)
    {
        Log.Aborted(logger, why);
        connection.Abort();
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "A connection is aborted: {Why}.")]
        public static partial void Aborted(ILogger logger, string why);
    }
}
