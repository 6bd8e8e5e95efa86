using System.Net.Sockets;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>Bodies that no route reads: Kestrel would read them after the answer, for seconds, and in tiny chunks that takes a processor.</summary>
public sealed class UnreadBodyTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private static readonly string Chunks = string.Concat(Enumerable.Repeat("1\r\nx\r\n", 10_000));

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData("GET", "/healthz/live", 200)]
    [InlineData("GET", "/notifier.js", 200)]
    [InlineData("GET", "/ws", 426)]
    [InlineData("POST", "/nothing", 404)]
    [InlineData("POST", "/events", 415)]
    public async Task A_body_of_tiny_chunks_that_no_route_reads_ends_its_connection_soon(string method, string path, int status)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var request = await OpenRequest.SendAsync(app.Address, $"{method} {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
        (await request.ReadStartAsync()).Should().StartWith($"HTTP/1.1 {status} ");
        var sent = 0;

        // Far more than sockets buffer. Kestrel reads for 5 s, which is ten times as much.
        const int Most = 16_000_000;
        try
        {
            for (; sent < Most; sent += Chunks.Length)
                await request.SendAsync(Chunks);
        }
        catch (SocketException)
        {
            // The connection has ended.
        }

        sent.Should().BeLessThan(Most);
    }

    [Fact]
    public async Task A_request_whose_body_no_route_reads_is_answered_and_the_next_one_too()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var body = new string('x', 50_000);

        using var request = await OpenRequest.SendAsync(app.Address, $"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: {body.Length}\r\n\r\n{body}");
        (await request.ReadStartAsync()).Should().StartWith("HTTP/1.1 404 ");
        await request.SendAsync("GET /healthz/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        (await request.ReadToEndAsync()).Should().Contain("HTTP/1.1 200 ");
    }

    [Fact]
    public async Task An_address_that_sends_bodies_that_are_refused_again_and_again_is_refused_and_others_are_served()
    {
        await using var app = await Publishing.StartAsync(
            Redis.Configuration, [.. KnownProxy.Settings, "Limits:RequestsPerSecond=2", "Limits:PayloadBytes=100000"]);
        var body = new string('x', 150_000);
        var answer = "";

        await Eventually.IsAsync(async () => (answer = await PublishAsync("198.51.100.7", body)).Contains("has sent too many bytes that were refused", StringComparison.Ordinal), "the address is refused");

        answer.Should().StartWith("HTTP/1.1 429 ").And.Contain("(Limits:RequestsPerSecond)");
        (await PublishAsync("198.51.100.8", "x")).Should().StartWith("HTTP/1.1 200 ");

        async Task<string> PublishAsync(string address, string body)
        {
            // Chunked, because a length that is too large is refused before the body is read.
            using var request = await OpenRequest.SendAsync(
                app.Address, $"POST /publish/unread.b HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {address}\r\nTransfer-Encoding: chunked\r\n\r\n{body.Length:x}\r\n{body}\r\n0\r\n\r\n");
            return await request.ReadStartAsync();
        }
    }
}
