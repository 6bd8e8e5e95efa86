using System.Diagnostics.Metrics;

namespace Notifier.History;

/// <summary>Where a subscriber's missed messages come from.</summary>
internal enum RecoverySource
{
    /// <summary>The messages that this node keeps.</summary>
    Recent,

    /// <summary>The messages that Redis keeps.</summary>
    Durable,
}

/// <summary>How often a client that resumed received all that it had missed. The meter is <c>Notifier.History</c>.</summary>
internal sealed class HistoryMetrics
{
    private static readonly KeyValuePair<string, object?>[] Sources = [Source("recent"), Source("durable")];
    private static readonly KeyValuePair<string, object?>[] Results = [Result("miss"), Result("hit")];

    private readonly Counter<long> recoveries;

    public HistoryMetrics(IMeterFactory meters)
    {
        recoveries = meters.Create("Notifier.History").CreateCounter<long>(
            "notifier.history.replays", "{subscriber}", "Subscribers that resumed from a position: all missed messages were available (hit), or not (miss).");
        foreach (var source in Sources)
        {
            foreach (var result in Results)
                recoveries.Add(0, source, result);
        }
    }

    public void OnRecovered(RecoverySource source, bool isWhole) => recoveries.Add(1, Sources[(int)source], Results[isWhole ? 1 : 0]);

    private static KeyValuePair<string, object?> Source(string name) => new("notifier.history.source", name);

    private static KeyValuePair<string, object?> Result(string name) => new("notifier.history.result", name);
}
