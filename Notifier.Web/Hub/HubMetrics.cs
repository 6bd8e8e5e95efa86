using System.Diagnostics.Metrics;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>What the hub counts. The meter is <c>Notifier.Hub</c>.</summary>
internal sealed class HubMetrics
{
    private readonly Counter<long> gaps;

    public HubMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("Notifier.Hub");
        gaps = meter.CreateCounter<long>("notifier.gaps", "{gap}", "Places in subscriptions where messages may have been lost.");
    }

    public void Gap(GapCode code) => gaps.Add(1, new KeyValuePair<string, object?>("notifier.gap.code", code switch
    {
        GapCode.Redis => "redis",
        GapCode.Overload => "overload",
        GapCode.TooLarge => "too_large",
        GapCode.Internal => "internal",
        GapCode.Trimmed => "trimmed",
        GapCode.Reset => "reset",
        _ => "none",
    }));
}
