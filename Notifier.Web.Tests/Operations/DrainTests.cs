using System.Diagnostics;
using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Operations;

/// <summary>On SIGTERM Notifier closes its clients gradually, so that they do not all reconnect at once.</summary>
[Collection(RunsAlone.Name)]
public sealed class DrainTests(RedisFixture fixture, ITestOutputHelper output) : IClassFixture<RedisFixture>
{
    private const int Clients = 1_000;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(4);

    [Fact]
    public async Task A_thousand_clients_are_notified_at_once_and_closed_over_the_drain_period()
    {
        await using var server = await ServerProcess.StartAsync(fixture.Redis.Configuration, Listen.Plain, "Operations:DrainPeriod=00:00:04");
        var address = server.WebSocketAddress("/ws?channel=drain.many");
        var clients = new List<RawWebSocket>();
        while (clients.Count < Clients)
        {
            clients.AddRange(await Task.WhenAll(Enumerable.Range(0, 100).Select(n => RawWebSocket.ConnectAsync(
                address, headers: n % 2 == 0 ? "Sec-WebSocket-Protocol: notifier.v1\r\n" : ""))));
        }

        var sinceSignal = Stopwatch.StartNew();
        var ends = clients.Select(client => EndAsync(client, sinceSignal)).ToList();
        server.Terminate();
        using var http = new HttpClient();
        await Eventually.IsAsync(
            async () => (int)(await http.GetAsync(new Uri(server.Address, "/healthz/ready"))).StatusCode == 503, "readiness is red");
        (await http.GetAsync(new Uri(server.Address, "/healthz/live"))).IsSuccessStatusCode.Should().BeTrue();
        var comes = async () => await RawWebSocket.ConnectAsync(address);
        (await comes.Should().ThrowAsync<Exception>()).Which.Message.Should().Contain("503");
        var told = await Task.WhenAll(ends);
        var exitCode = await server.WaitForExitAsync(TimeSpan.FromSeconds(10));

        var announced = told.Select(end => end.Announced).OfType<TimeSpan>().ToList();
        output.WriteLine($"Told after {announced.Max().TotalSeconds:0.00} s, closed from {told.Min(end => end.Closed).TotalSeconds:0.0} to "
            + $"{told.Max(end => end.Closed).TotalSeconds:0.0} s, exit after {sinceSignal.Elapsed.TotalSeconds:0.0} s.");
        exitCode.Should().Be(0, server.Output);
        announced.Should().HaveCount(Clients / 2);
        announced.Max().Should().BeLessThan(TimeSpan.FromSeconds(3), "clients are told as the drain begins, not during its 4 s");
        for (var second = 0; second < Period.TotalSeconds; second++)
        {
            var closed = told.Count(end => (int)end.Closed.TotalSeconds == second);
            closed.Should().BeInRange(Clients / 16, Clients / 2, "no second closes more than twice its share");
        }
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    [Fact]
    public async Task A_second_sigterm_closes_all_connections_at_once_with_a_complete_close_handshake()
    {
        await using var server = await ServerProcess.StartAsync(fixture.Redis.Configuration, Listen.Plain, "Operations:DrainPeriod=00:05:00");
        var clients = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => RawWebSocket.ConnectAsync(server.WebSocketAddress("/ws?channel=drain.hurry"))));
        server.Terminate();
        await Eventually.IsAsync(() => server.Output.Contains("Going away", StringComparison.Ordinal), "the server drains");
        var sinceHurry = Stopwatch.StartNew();

        var ends = clients.Select(client => EndAsync(client, sinceHurry)).ToList();
        server.Terminate();

        await Task.WhenAll(ends);
        (await server.WaitForExitAsync(TimeSpan.FromSeconds(5))).Should().Be(0, server.Output);
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    [Fact]
    public async Task The_process_ends_at_once_on_sigterm_when_no_client_is_connected()
    {
        await using var server = await ServerProcess.StartAsync(fixture.Redis.Configuration, Listen.Plain, "Operations:DrainPeriod=00:05:00");

        server.Terminate();

        (await server.WaitForExitAsync(TimeSpan.FromSeconds(5))).Should().Be(0, server.Output);
    }

    [Fact]
    public async Task An_event_stream_receives_a_closing_event_on_sigterm_and_ends()
    {
        await using var server = await ServerProcess.StartAsync(fixture.Redis.Configuration, Listen.Plain, "Operations:DrainPeriod=00:00:01");
        using var http = new HttpClient();
        await using var stream = await http.GetStreamAsync(new Uri(server.Address, "/events?channel=drain.events"));
        using var reader = new StreamReader(stream);
        while ((await reader.ReadLineAsync().WaitAsync(Eventually.Limit))?.Contains("subscribed", StringComparison.Ordinal) == false)
        {
        }

        server.Terminate();

        var rest = await reader.ReadToEndAsync().WaitAsync(Eventually.Limit);
        rest.Should().MatchRegex("""retry: \d+\ndata: {"type":"closing","retryAfter":[0-9.]+}\n\n$""");
        (await server.WaitForExitAsync(TimeSpan.FromSeconds(10))).Should().Be(0, server.Output);
    }

    /// <summary>Reads until the close, answers it, and checks that the connection ends without a reset (no 1006).</summary>
    private static async Task<(TimeSpan? Announced, TimeSpan Closed)> EndAsync(RawWebSocket client, Stopwatch sinceSignal)
    {
        TimeSpan? announced = null;
        Frame frame;
        while ((frame = await client.ReadFrameAsync(TimeSpan.FromSeconds(30)) ?? throw new IOException("1006")).Opcode != Frame.CloseOpcode)
        {
            if (frame.Text.Contains("\"closing\"", StringComparison.Ordinal))
            {
                announced.Should().BeNull("the client is notified once");
                announced = sinceSignal.Elapsed;
                ((double)JsonNode.Parse(frame.Text)!["retryAfter"]!).Should().BeInRange(0, 5);
            }
        }
        var closed = sinceSignal.Elapsed;
        (frame.CloseCode, frame.CloseText[..11]).Should().Be((4601, "retryAfter="));
        await client.SendCloseAsync(4601);
        (await client.ReadFrameAsync()).Should().BeNull();
        return (announced, closed);
    }
}
