using System.Text;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>The telemetry that a collector receives from a process.</summary>
public sealed class TelemetryTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Trace = "0af7651916cd43dd8448eb211c80319c";
    private const string Parent = "b7ad6b7169203331";

    [Fact]
    public async Task Metrics_and_spans_are_exported_to_the_collector_within_the_trace_of_the_caller()
    {
        await using var collector = await Collector.StartAsync();
        await using var program = NotifierProcess.Start("Development", [$"Redis:Configuration={fixture.Redis.Configuration}", .. collector.Settings]);
        await program.PrintsAsync("Try: ");
        var traceparent = $"00-{Trace}-{Parent}-01";
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(program.Address(), "/publish/traced.channel")) { Content = new StringContent("hello") };
        request.Headers.Add("traceparent", traceparent);
        (await http.SendAsync(request)).EnsureSuccessStatusCode();
        await using var client = await RawWebSocket.ConnectAsync(
            new UriBuilder(new Uri(program.Address(), "/ws")) { Scheme = "ws" }.Uri, headers: $"traceparent: {traceparent}\r\n");

        await Eventually.IsAsync(() => collector.Has("metrics", Text("notifier.connection.count"), Text("notifier.messages")), "the metrics arrive");
        await Eventually.IsAsync(
            () => collector.Has("traces", Convert.FromHexString(Trace), Convert.FromHexString(Parent), Text("POST /publish/{channel}"), Text("traced.channel")),
            "the span of the publish arrives");
        await Eventually.IsAsync(
            () => collector.Has("traces", Convert.FromHexString(Trace), Convert.FromHexString(Parent), Text("GET /ws"), Text("notifier.connection.transport")),
            "the span of the handshake arrives while its connection is open");
        collector.Has("traces", Text("hello")).Should().BeFalse("payloads are not exported");
    }

    [Fact]
    public async Task No_telemetry_is_exported_without_an_endpoint_and_an_invalid_traceparent_is_ignored()
    {
        await using var collector = await Collector.StartAsync();
        await using var program = NotifierProcess.Start("Development", $"Redis:Configuration={fixture.Redis.Configuration}", "OTEL_METRIC_EXPORT_INTERVAL=200");
        await program.PrintsAsync("Try: ");
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Add("traceparent", "00-not-a-trace");

        (await http.PostAsync(new Uri(program.Address(), "/publish/untraced"), new StringContent("hello"))).EnsureSuccessStatusCode();

        (await program.TerminateAsync()).Should().Be(0, "the process exports all telemetry before it exits");
        collector.HasAny("metrics").Should().BeFalse();
        collector.HasAny("traces").Should().BeFalse();
    }

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);
}
