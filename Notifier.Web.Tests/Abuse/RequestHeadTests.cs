using System.Net.Sockets;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>The memory of large headers: before a request is complete, and while it lasts.</summary>
public sealed class RequestHeadTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int MiB = 1024 * 1024;
    private const int Connections = 1_000;

    /// <summary>28 KB, a little less than Kestrel accepts.</summary>
    private static readonly string Headers = string.Concat(Enumerable.Range(0, 4).Select(static n => $"X-Large-{n}: {new string('x', 7_000)}\r\n"));

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task Unfinished_requests_of_one_address_use_memory_for_as_many_connections_as_it_may_have()
    {
        await using var server = await ServerProcess.StartAsync(Redis.Configuration, Listen.Plain, "Limits:ConnectionsPerAddress=100");
        var (peak, before) = (0L, server.ResidentBytes);
        var open = new List<OpenRequest>();

        for (var n = 0; n < Connections; n++)
        {
            try
            {
                open.Add(await OpenRequest.SendAsync(server.Address, ""));
                await open[^1].SendAsync($"GET /events?channel=a HTTP/1.1\r\nHost: localhost\r\n{Headers}");
            }
            catch (SocketException)
            {
                // Closed at once.
            }
            peak = Math.Max(peak, server.ResidentBytes);
        }

        var cost = (peak - before) / MiB;
        AbuseTable.Add(
            $"{Connections:N0} requests with headers of 28 KB that never end (`Limits:ConnectionsPerAddress=100`)",
            "75 KiB for each of 300 connections: two for each of `Limits:ConnectionsPerAddress`, and 100", $"{cost} MiB (RSS)");
        cost.Should().BeLessThan(45);
        open.ForEach(static request => request.Dispose());
    }

    [Fact]
    public async Task The_headers_of_an_event_stream_do_not_stay_in_memory()
    {
        await using var server = await ServerProcess.StartAsync(Redis.Configuration, Listen.Plain);
        var before = server.ResidentBytes;
        var open = new List<OpenRequest>();

        for (var n = 0; n < Connections; n++)
        {
            open.Add(await OpenRequest.SendAsync(server.Address, $"GET /events?channel=a HTTP/1.1\r\nHost: localhost\r\n{Headers}\r\n"));
            (await open[^1].ReadStartAsync()).Should().StartWith("HTTP/1.1 200 ");
        }

        var cost = (server.ResidentBytes - before) / MiB;
        AbuseTable.Add($"{Connections:N0} event streams with headers of 28 KB", "50 KiB for each, mostly garbage", $"{cost} MiB (RSS)");
        cost.Should().BeLessThan(55);
        open.ForEach(static request => request.Dispose());
    }
}
