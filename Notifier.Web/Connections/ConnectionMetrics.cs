using System.Diagnostics.Metrics;

namespace Notifier.Connections;

/// <summary>What connections count. The meter is <c>Notifier.Connections</c>. All is looked up when somebody asks; nothing is told meanwhile.</summary>
internal sealed class ConnectionMetrics
{
    private const string Transport = "notifier.connection.transport";

    private readonly ConnectionRegistry connections;

    public ConnectionMetrics(IMeterFactory meters, ConnectionRegistry connections, Admission admission)
    {
        this.connections = connections;
        var meter = meters.Create("Notifier.Connections");
        meter.CreateObservableUpDownCounter(
            "notifier.connection.count", () => ByTransport(connections.Counters.Open, static open => (long)open), "{connection}", "Connections that are open.");
        meter.CreateObservableCounter(
            "notifier.connection.opens", () => ByTransport(connections.Counters.Opened, static opened => opened), "{connection}",
            "Connections that were opened.");
        meter.CreateObservableCounter(
            "notifier.connection.closes", () => By("notifier.close.code", ConnectionCounters.Codes, connections.Counters.Closes), "{connection}",
            "Connections that have ended, by close code; 1006: without one.");
        meter.CreateObservableCounter(
            "notifier.deliveries", () => ByTransport(SentNow(), static sent => sent.Messages), "{message}",
            "Messages that were given to connections, once for each.");
        meter.CreateObservableCounter(
            "notifier.delivery.io", () => ByTransport(SentNow(), static sent => sent.Bytes), "By", "Bytes that were given to connections.");
        meter.CreateObservableCounter(
            "notifier.handshake.refusals", () => By("error.type", Admission.Reasons, admission.Refusals), "{handshake}",
            "Handshakes, and event streams, that were answered with 429 or 503, by reason.");
    }

    private Sent[] SentNow()
    {
        connections.ForEach(connections.Counters.Count);
        return connections.Counters.Sent;
    }

    private static IEnumerable<Measurement<long>> ByTransport<T>(T[] values, Func<T, long> number) =>
        By(Transport, Transports.Names, [.. values.Select(number)]);

    private static IEnumerable<Measurement<long>> By(string attribute, string[] words, long[] values) =>
        words.Zip(values, (word, value) => new Measurement<long>(value, new KeyValuePair<string, object?>(attribute, word)));
}
