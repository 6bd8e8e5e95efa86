using System.Diagnostics.Metrics;

namespace Notifier.Tests.Support;

/// <summary>Counts the gaps that an application reports from now on.</summary>
internal sealed class GapCount : IDisposable
{
    private readonly MeterListener listener;
    private long redis;

    public GapCount(NotifierApp app)
    {
        listener = app.Meters.ListenerOf("notifier.gaps");
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
        {
            foreach (var tag in tags)
            {
                if (tag is { Key: "notifier.gap.code", Value: "redis" })
                    Interlocked.Add(ref redis, value);
            }
        });
        listener.Start();
    }

    /// <summary>Gaps caused by the absence of Redis.</summary>
    public long Redis => Interlocked.Read(ref redis);

    public void Dispose() => listener.Dispose();
}
