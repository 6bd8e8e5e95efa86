using System.Diagnostics;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>Requests and commands that are answered early, before a route or a session would count them.</summary>
public sealed class UncountedRequestTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

    /// <summary>An address may send 10 requests of any kind a second, and 40 at once.</summary>
    private static readonly string[] Settings = [.. KnownProxy.Settings, "Limits:RequestsPerSecond=1"];

    private static readonly string LongQuery = new('x', 9_000);

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData("/nothing", Handshake, 404)]
    [InlineData("/notifier.js", Handshake, 200)]
    [InlineData("/%77s", Handshake, 400)]
    [InlineData("/ws?long", Handshake, 414)]
    public async Task Requests_that_are_answered_early_are_counted(string path, string headers, int status)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);

        (await AskAsync(app, path, headers)).Should().StartWith($"HTTP/1.1 {status} ");
        await Eventually.IsAsync(async () => (await AskAsync(app, path, headers)).StartsWith("HTTP/1.1 429 ", StringComparison.Ordinal), "the address is refused");
    }

    /// <summary>EventSource would not connect again after 429.</summary>
    [Theory]
    [InlineData("/%65vents", "", 400)]
    [InlineData("/events?long", "", 414)]
    [InlineData("/events?channel=a", "Origin: https://evil.example\r\n", 403)]
    public async Task Event_streams_that_are_refused_early_are_answered_slowly_if_there_are_many(string path, string headers, int status)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Settings);

        await Eventually.IsAsync(
            async () =>
            {
                var clock = Stopwatch.StartNew();
                (await AskAsync(app, path, headers)).Should().StartWith($"HTTP/1.1 {status} ");
                return clock.Elapsed > TimeSpan.FromMilliseconds(450);
            },
            "answers wait");
    }

    [Fact]
    public async Task A_deeply_nested_command_is_refused_without_much_work()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Limits:FrameBytes=65536");
        await using var client = await JsonClient.ConnectAsync(app);
        var before = Process.GetCurrentProcess().TotalProcessorTime;

        (await client.AskAsync("""{"type":"ping","x":[[[1]]]}""")).Bare().Should().Be("""{"type":"pong"}""");
        await client.SendAsync($$"""{"type":"ping","x":{{new string('[', 30_000)}}{{new string(']', 30_000)}}}""");

        (await client.Socket.ReadMessageAsync()).CloseCode.Should().Be(4400);
        // It took 4 s. Other tests use the processor meanwhile, so the limit is not exact.
        (Process.GetCurrentProcess().TotalProcessorTime - before).Should().BeLessThan(TimeSpan.FromSeconds(3));
    }

    [Theory]
    [InlineData("a/b")]
    [InlineData("bearer.x@y")]
    public async Task A_subprotocol_that_is_not_a_token_is_not_repeated_and_not_logged_as_an_error(string subprotocol)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);

        var answer = await AskAsync(app, "/ws", $"{Handshake}Sec-WebSocket-Protocol: {subprotocol}\r\n");

        answer.Should().StartWith("HTTP/1.1 101 ").And.NotContain(subprotocol);
        app.Log.Lines.Where(static line => line.Level >= LogLevel.Error).Should().BeEmpty();
    }

    private static async Task<string> AskAsync(NotifierApp app, string path, string headers)
    {
        using var request = await OpenRequest.SendAsync(
            app.Address, $"GET {path.Replace("long", LongQuery, StringComparison.Ordinal)} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 198.51.100.7\r\n{headers}\r\n");
        return await request.ReadStartAsync();
    }
}
