using Notifier.Configuration;

namespace Notifier.Connections;

/// <summary>
/// Finds dead peers, and keeps proxies from closing idle connections: one sweep over all connections each second, instead of a timer for each.
/// Each connection is pinged every 25 s, in turns, so that not all pings are sent at once. A peer that neither sends nor acknowledges a byte
/// for 35 s is aborted, and so is one that does not receive its close frame. The sweep also ends access that expires (see
/// <see cref="ConnectionAccess"/>).
/// </summary>
internal sealed partial class Liveness(ConnectionRegistry connections, TimeProvider time, ILogger<Liveness> logger) : StoppableService
{
    public static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(25);
    public static readonly TimeSpan SilenceTimeout = TimeSpan.FromSeconds(35);
    public static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    private int sweeps;

    /// <summary>How many sweeps have ended.</summary>
    public int Sweeps => Volatile.Read(ref sweeps);

    /// <summary>Notifies or closes a connection whose access ends.</summary>
    public static void Enforce(Connection connection, ConnectionAccess access, DateTimeOffset now)
    {
        switch (access.CheckExpiry(now))
        {
            case { Close: { } reason }:
                _ = connection.CloseAsync(reason);
                break;
            case { Notice: { } notice }:
                connection.Post(() =>
                {
                    if (access.IsCurrent(notice))
                        connection.Send(connection.Format.Expiring(notice.Seconds));
                });
                break;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(SweepInterval, time);
        for (long second = 0; await timer.WaitForNextTickAsync(stoppingToken); second++)
            Sweep(second);
    }

    private void Sweep(long second)
    {
        var turns = (int)(PingInterval / SweepInterval);
        var now = time.GetUtcNow();
        connections.ForEach(connection =>
        {
            if (connection.Access is { } access)
                Enforce(connection, access, now);
            if (connection.ClosingFor > CloseTimeout)
                Abort(connection, "the peer did not receive the close frame");
            else if (connection.LivenessState.Sample(connection.Reads, connection.Transport) * SweepInterval > SilenceTimeout)
                Abort(connection, "the peer neither sent nor acknowledged a byte");
            else if (second % turns == connection.PingTurn % turns)
                connection.SendPing();
        });
        Interlocked.Increment(ref sweeps);
    }

    private void Abort(Connection connection, string reason)
    {
        Log.Aborted(logger, reason);
        connection.Abort();
    }

    private static partial class Log
    {
        [LoggerMessage(4, LogLevel.Debug, "A connection is aborted: {Reason}.")]
        public static partial void Aborted(ILogger logger, string reason);
    }
}
