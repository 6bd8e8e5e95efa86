using System.Diagnostics.Metrics;

namespace Notifier.Connections;

/// <summary>The metrics of connections. The meter is <c>Notifier.Connections</c>. All of them are observable: they cost nothing until they are read.</summary>
internal sealed class ConnectionMetrics
{
    private const string Transport = "notifier.connection.transport";

    public ConnectionMetrics(IMeterFactory meters, ConnectionRegistry connections, Admission admission)
    {
        var meter = meters.Create("Notifier.Connections");
        meter.CreateObservableUpDownCounter(
            "notifier.connection.count", () => ByTransport(connections.Counters.Open, static open => (long)open), "{connection}", "Connections that are open.");
        meter.CreateObservableCounter(
            "notifier.connection.opens", () => ByTransport(connections.Counters.Opened, static opened => opened), "{connection}",
            "Connections that were opened.");
        meter.CreateObservableCounter(
            "notifier.connection.closes", () => By("notifier.close.code", ConnectionCounters.Codes, connections.Counters.Closes), "{connection}",
            "Connections that have ended, by close code; 1006: without a close frame.");
        meter.CreateObservableCounter(
            "notifier.deliveries", () => ByTransport(connections.CountSent(), static sent => sent.Messages), "{message}",
            "Messages sent to connections, counted once for each connection.");
        meter.CreateObservableCounter(
            "notifier.delivery.io", () => ByTransport(connections.CountSent(), static sent => sent.Bytes), "By", "Bytes sent to connections.");
        meter.CreateObservableCounter(
            "notifier.handshake.refusals", () => By("error.type", AdmissionReasons.Names, admission.Refusals), "{handshake}",
            "WebSocket handshakes and event streams that were rejected because a limit was reached, by reason.");
    }

    private static IEnumerable<Measurement<long>> ByTransport<T>(T[] values, Func<T, long> number) =>
        By(Transport, Transports.Names, [.. values.Select(number)]);

    private static IEnumerable<Measurement<long>> By(string attribute, string[] words, long[] values) =>
        words.Zip(values, (word, value) => new Measurement<long>(value, new KeyValuePair<string, object?>(attribute, word)));
}
