using System.Diagnostics.Metrics;

namespace Notifier.Redis;

/// <summary>The state of the connection to Redis.</summary>
internal enum RedisState
{
    /// <summary>Redis answers, and this node receives messages, as far as is known.</summary>
    Up,

    /// <summary>Redis does not answer.</summary>
    Away,

    /// <summary>Redis answers with errors.</summary>
    Refused,

    /// <summary>Redis answers, but this node does not receive published messages.</summary>
    Deaf,
}

/// <summary>The metrics of the connection to Redis. The meter is <c>Notifier.Redis</c>.</summary>
internal sealed class RedisMetrics
{
    public static readonly string[] States = ["up", "away", "refused", "deaf"];

    private static readonly KeyValuePair<string, object?> Restored = new("notifier.redis.reconnect.reason", "lost");
    private static readonly KeyValuePair<string, object?> Replaced = new("notifier.redis.reconnect.reason", "deaf");

    private readonly Meter meter;
    private readonly Counter<long> reconnects;
    private readonly Histogram<double> probe;
    private double lastProbe = double.NaN;

    public RedisMetrics(IMeterFactory meters)
    {
        meter = meters.Create("Notifier.Redis");
        reconnects = meter.CreateCounter<long>(
            "notifier.redis.reconnects", "{connection}", "How often the connection that subscriptions share was restored, or replaced because it no longer received messages.");
        probe = meter.CreateHistogram(
            "notifier.redis.probe.duration", "s", "Time from publishing a probe on Redis until this node received it.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] });
        reconnects.Add(0, Restored);
        reconnects.Add(0, Replaced);
    }

    /// <summary>How long the latest probe took; null before the first echo.</summary>
    public TimeSpan? LastProbe => Volatile.Read(ref lastProbe) is >= 0 and var seconds ? TimeSpan.FromSeconds(seconds) : null;

    /// <summary>Begins to report the state.</summary>
    /// <param name="state">Called at each export.</param>
    public void Observe(Func<RedisState> state) => meter.CreateObservableUpDownCounter(
        "notifier.redis.status",
        () =>
        {
            var current = (int)state();
            return States.Select((name, n) => new Measurement<int>(n == current ? 1 : 0, new KeyValuePair<string, object?>("notifier.redis.state", name)));
        },
        "{connection}", "1 for the state that the connection to Redis is in, 0 for all others.");

    public void OnProbed(TimeSpan time)
    {
        Volatile.Write(ref lastProbe, time.TotalSeconds);
        probe.Record(time.TotalSeconds);
    }

    public void OnReconnected(bool wasDeaf) => reconnects.Add(1, wasDeaf ? Replaced : Restored);
}
