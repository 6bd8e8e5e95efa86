using System.Globalization;
using System.Net;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Notifier.Redis;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>The memory of HTTP requests: answers that are not read, and bodies that never end.</summary>
public sealed class RequestMemoryTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int MiB = 1024 * 1024;

    /// <summary>In JSON, six bytes for each.</summary>
    private static readonly byte[] Control = [.. Enumerable.Repeat((byte)1, 100_000)];

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task Unread_answers_of_the_history_use_little_memory_and_are_aborted()
    {
        const int Requests = 300;
        await using var server = await ServerProcess.StartAsync(
            Redis.Configuration, Listen.Plain, "History:Durable:Channels:0=unread.*", "Limits:RequestTimeout=00:00:02", "Limits:Connections=10");
        for (var n = 0; n < 20; n++)
            await Redis.PublishDurablyAsync("unread.1", Control);
        await WarmUpAsync(server);
        var before = server.ResidentBytes;
        var peak = before;

        var open = await Task.WhenAll(Enumerable.Range(0, Requests).Select(_ => OpenRequest.GetAsync(server.Address, "/history/unread.1?limit=1000")));
        await Eventually.IsAsync(
            async () =>
            {
                peak = Math.Max(peak, server.ResidentBytes);
                return await IsServedAsync(server, "/history/unread.1");
            },
            "the address has memory again, because the unread answers are aborted");

        var cost = (peak - before) / MiB;
        AbuseTable.Add($"{Requests} requests `GET /history/…` whose answers it does not read", "300 MiB, for twice `Limits:RequestTimeout`", $"{cost} MiB");
        cost.Should().BeLessThan(300);
        var answers = await Task.WhenAll(open.Select(static request => request.ReadToEndAsync()));
        answers.Should().Contain(static answer => answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal) && !answer.EndsWith("\r\n0\r\n\r\n", StringComparison.Ordinal));
        answers.Should().Contain(static answer => answer.StartsWith("HTTP/1.1 429", StringComparison.Ordinal) && answer.Contains("Limits:RequestBytes", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_unread_answer_over_http2_is_aborted_and_a_websocket_on_the_same_connection_stays_open()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, Listen.Tls, time, settings: ["History:Durable:Channels:0=unread.*", "Limits:RequestTimeout=00:00:01"]);
        await Eventually.IsAsync(() => app.Services.GetRequiredService<RedisBackplane>().ConnectedCommands is not null, "Notifier is connected to Redis");
        for (var n = 0; n < 2; n++)
            await Redis.PublishDurablyAsync("unread.2", Control);
        using var http2 = new Http2Client();
        using var socket = await http2.ConnectAsync(app.WebSocketAddress("/ws?channel=unread.3"));
        using var unread = await http2.GetAsync(new Uri(app.Address, "/history/unread.2"));
        unread.StatusCode.Should().Be(HttpStatusCode.OK);

        time.Advance(TimeSpan.FromSeconds(3));

        await FluentActions.Awaiting(() => unread.Content.ReadAsStringAsync().WaitAsync(Eventually.Limit)).Should().ThrowAsync<HttpRequestException>();

        await Redis.WhenChannelIsLiveAsync(app, "unread.3");
        await Redis.PublishAsync("unread.3", "hello");
        (await socket.ReadMessageAsync()).Text.Should().Be("hello");
    }

    /// <summary>Requests that ask for an upgrade have no deadline at first, because they may become WebSockets.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("Connection: Upgrade\r\nUpgrade: websocket\r\n")]
    public async Task An_unread_answer_is_aborted_whatever_the_request_asks_for(string headers)
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, time: time, settings: ["History:Durable:Channels:0=unread.*", "Limits:RequestTimeout=00:00:01"]);
        await Eventually.IsAsync(() => app.Services.GetRequiredService<RedisBackplane>().ConnectedCommands is not null, "Notifier is connected to Redis");
        for (var n = 0; n < 2; n++)
            await Redis.PublishDurablyAsync("unread.4", Control);
        using var request = await OpenRequest.SendAsync(app.Address, $"GET /history/unread.4 HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        await request.BeginsAsync();

        time.Advance(TimeSpan.FromSeconds(3));

        (await request.ReadToEndAsync()).Should().NotEndWith("\r\n0\r\n\r\n");
    }

    /// <summary>The script is served before routing.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")]
    public async Task Unread_answers_of_the_client_script_are_aborted_whatever_the_requests_ask_for(string headers)
    {
        const int Requests = 200;
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, time: time, settings: "Limits:RequestTimeout=00:00:01");
        var pipelined = string.Concat(Enumerable.Repeat($"GET /notifier.js HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n", Requests));
        using var request = await OpenRequest.SendAsync(app.Address, pipelined);
        await request.BeginsAsync();

        await Eventually.IsAsync(
            async () =>
            {
                time.Advance(TimeSpan.FromSeconds(3));
                try
                {
                    await request.SendAsync("-");
                    return false;
                }
                catch (System.Net.Sockets.SocketException)
                {
                    return true;
                }
            },
            "the connection has ended");

        (await request.ReadToEndAsync()).Split("HTTP/1.1 200").Length.Should().BeLessThan(Requests);
    }

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_websocket_has_no_deadline(Listen listen)
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen, time, settings: "Limits:RequestTimeout=00:00:01");
        await using var client = await RawWebSocket.SubscribeAsync(app, "unread.5");
        await Redis.WhenChannelIsLiveAsync(app, "unread.5");

        time.Advance(TimeSpan.FromSeconds(10));

        await Redis.PublishAsync("unread.5", "hello");
        (await client.ReadTextAsync()).Should().Be("hello");
    }

    [Fact]
    public async Task Bodies_that_never_end_use_little_memory_and_are_answered_with_408()
    {
        const int Bodies = 150;
        const int Bytes = 3_000_000;
        await using var server = await ServerProcess.StartAsync(Redis.Configuration, Listen.Plain, "Limits:RequestTimeout=00:00:03");
        await WarmUpAsync(server);
        var before = server.ResidentBytes;
        var peak = before;
        var sent = new string('a', Bytes);

        var open = await Task.WhenAll(Enumerable.Range(0, Bodies).Select(_ => OpenRequest.SendAsync(
            server.Address, $"POST /publish HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {Bytes + 1}\r\n\r\n")));
        var sending = Task.WhenAll(open.Select(request => IgnoreResetAsync(request.SendAsync(sent))));
        var reading = Task.WhenAll(open.Select(static request => request.ReadToEndAsync()));
        await Eventually.IsAsync(
            () =>
            {
                peak = Math.Max(peak, server.ResidentBytes);
                return reading.IsCompleted;
            },
            "each body is answered");

        await sending;
        var cost = (peak - before) / MiB;
        AbuseTable.Add($"{Bodies} bodies of 3 MB that never end", "150 MiB, for `Limits:RequestTimeout`", $"{cost} MiB");
        cost.Should().BeLessThan(150);
        var answers = await reading;
        answers.Should().Contain(static answer => answer.StartsWith("HTTP/1.1 429", StringComparison.Ordinal) && answer.Contains("Limits:RequestBytes", StringComparison.Ordinal));
        answers.Should().Contain(static answer => answer.StartsWith("HTTP/1.1 408", StringComparison.Ordinal) && answer.Contains("Limits:RequestTimeout", StringComparison.Ordinal));
        (await StatusAsync(server, "/notifier.lua")).Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_body_that_arrives_in_many_small_pieces_is_published_whole()
    {
        await using var app = await Publishing.StartAsync(Redis.Configuration);
        var payload = string.Concat(Enumerable.Range(0, 5_000).Select(static n => n.ToString(CultureInfo.InvariantCulture)));
        using var request = await OpenRequest.SendAsync(
            app.Address, $"POST /publish/pieces HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {payload.Length}\r\n\r\n");
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=pieces"));
        await Redis.WhenChannelIsLiveAsync(app, "pieces");

        foreach (var piece in payload.Chunk(997))
            await request.SendAsync(new string(piece));

        (await request.ReadToEndAsync()).Should().StartWith("HTTP/1.1 200");
        (await client.ReadTextAsync()).Should().Be(payload);
    }

    private static async Task IgnoreResetAsync(Task sending)
    {
        try
        {
            await sending;
        }
        catch (Exception error) when (error is System.Net.Sockets.SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The server refused the body, and closed the connection.
        }
    }

    private static async Task WarmUpAsync(ServerProcess server) => await Eventually.IsAsync(
        async () => await StatusAsync(server, "/healthz/ready") == HttpStatusCode.OK, "the server is ready");

    private static async Task<bool> IsServedAsync(ServerProcess server, string path)
    {
        try
        {
            return await StatusAsync(server, path) == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;   // on a slow machine the request may itself take longer than its limit
        }
    }

    private static async Task<HttpStatusCode> StatusAsync(ServerProcess server, string path)
    {
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(server.Address, path));
        return answer.StatusCode;
    }
}
