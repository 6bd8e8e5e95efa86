using System.Diagnostics.Metrics;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>
/// The hub's metrics. The meter is <c>Notifier.Hub</c>. Recorded once per broadcast and never per delivery: connections count deliveries.
/// </summary>
internal sealed class HubMetrics
{
    private const string ErrorType = "error.type";

    /// <summary>In the order of the enum.</summary>
    private static readonly KeyValuePair<string, object?>[] Gaps =
        [.. Enum.GetValues<GapCode>().Select(static code => Tag("notifier.gap.code", NameOf(code)))];

    private static readonly KeyValuePair<string, object?>[] Refusals =
        [.. new[] { "malformed", "forbidden", "overloaded" }.Select(static kind => Tag(ErrorType, kind))];

    private readonly Meter meter;
    private readonly Counter<long> gaps;
    private readonly Counter<long> refusals;
    private readonly Histogram<int> batch;
    private readonly Histogram<double> duration;

    // Plain fields, read when metrics are collected: counting a message must be cheap, because many names have only one subscriber.
    private long messages;
    private long bytes;

    public HubMetrics(IMeterFactory meters, TimeProvider? time = null)
    {
        meter = meters.Create("Notifier.Hub");
        gaps = meter.CreateCounter<long>("notifier.gaps", "{gap}", "Places in subscriptions where messages may have been lost.");
        meter.CreateObservableCounter("notifier.messages", () => Messages, "{message}", "Messages that Redis has delivered, once for each of this node's subscriptions in Redis.");
        meter.CreateObservableCounter("notifier.message.io", () => Volatile.Read(ref bytes), "By", "Bytes of the payloads that Redis has delivered.");
        refusals = meter.CreateCounter<long>("notifier.name.refusals", "{name}", "Names that were refused to connections, by reason.");
        batch = meter.CreateHistogram(
            "notifier.pass.messages", "{message}", "Messages per broadcast.",
            advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] });
        duration = meter.CreateHistogram(
            "notifier.pass.duration", "s", "Duration of a broadcast to all subscribers of a name.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = Durations });
        var latency = meter.CreateHistogram(
            "notifier.delivery.latency", "s", "Time from POST /publish on this node until the message was sent to its subscribers; sampled.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = Durations });
        Latency = new(time ?? TimeProvider.System, took => latency.Record(took.TotalSeconds));
        // A counter that begins with its first event hides that event from queries for a change.
        foreach (var tag in Gaps.AsSpan((int)GapCode.None + 1))
            gaps.Add(0, tag);
        foreach (var tag in Refusals)
            refusals.Add(0, tag);
    }

    /// <summary>Measures the time from POST /publish until the message was sent.</summary>
    public DeliveryLatency Latency { get; }

    private static double[] Durations => [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

    /// <summary>How many messages Redis has delivered, once for each of this node's subscriptions in Redis.</summary>
    public long Messages => Volatile.Read(ref messages);

    /// <summary>Adds the metrics that are read when they are collected.</summary>
    public void Observe(Func<HubCounts> counts, Func<int> countBehind, Func<long> logBytes, Func<long> logLimit)
    {
        meter.CreateObservableUpDownCounter("notifier.name.count", () => counts().NameCount, "{name}", "Names that are subscribed, including lingering ones.");
        meter.CreateObservableUpDownCounter("notifier.subscriber.count", () => counts().SubscriberCount, "{subscriber}", "Names of all connections, added up.");
        meter.CreateObservableUpDownCounter(
            "notifier.subscriber.behind", countBehind, "{subscriber}", "Subscribers that have not yet been sent a message that arrived more than a second ago.");
        meter.CreateObservableUpDownCounter("notifier.log.usage", logBytes, "By", "Memory of recent messages.");
        meter.CreateObservableUpDownCounter("notifier.log.limit", logLimit, "By", "Limit of the memory of recent messages (History:Recent:NodeBytes).");
    }

    public void OnGap(GapCode code) => gaps.Add(1, Gaps[(int)code]);

    public void OnRefused(RefusalKind kind) => refusals.Add(1, Refusals[(int)kind]);

    /// <summary>Redis has delivered messages for one subscription. Called from any thread.</summary>
    public void OnReceived(ReadOnlySpan<Message> received)
    {
        var payloads = 0L;
        foreach (ref readonly var message in received)
            payloads += message.Payload.Length;
        Interlocked.Add(ref messages, received.Length);
        Interlocked.Add(ref bytes, payloads);
    }

    /// <summary>A batch was sent. Called for each broadcast.</summary>
    public void OnBroadcast(int count, TimeSpan took)
    {
        batch.Record(count);
        duration.Record(took.TotalSeconds);
    }

    /// <summary>Metrics have snake case, unlike the codes that clients receive.</summary>
    private static string NameOf(GapCode code) => code switch
    {
        GapCode.None => "none",
        GapCode.Redis => "redis",
        GapCode.Overload => "overload",
        GapCode.TooLarge => "too_large",
        GapCode.Internal => "internal",
        GapCode.Trimmed => "trimmed",
        GapCode.Reset => "reset",
    };

    private static KeyValuePair<string, object?> Tag(string key, string value) => new(key, value);
}
