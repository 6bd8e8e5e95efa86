using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>The connection limits, and the answer that a rejected client gets.</summary>
public sealed class AdmissionTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task A_connection_above_the_node_limit_receives_503_with_retry_after_until_another_disconnects()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Limits:Connections=2");
        var first = await RawWebSocket.ConnectAsync(app.WebSocketAddress());
        await using var second = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/"));

        using var refused = await HandshakeAsync(app);

        refused.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        refused.Headers.RetryAfter!.Delta.Should().BeGreaterThan(TimeSpan.Zero).And.BeLessThanOrEqualTo(TimeSpan.FromSeconds(10));
        (await refused.Content.ReadAsStringAsync()).Should().Be(
            $"this server has reached its limit of 2 connections (Limits:Connections); try again after {refused.Headers.RetryAfter.Delta!.Value.TotalSeconds} s.\n");
        app.Log.Lines.Should().ContainSingle(line => line.Level == LogLevel.Warning && line.Text.Contains("Limits:Connections", StringComparison.Ordinal));

        await first.DisposeAsync();
        await Eventually.IsAsync(async () => await MayConnectAsync(app), "the closed connection makes room");
    }

    [Fact]
    public async Task Http2_connections_count_toward_the_node_limit()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, Listen.Tls, settings: "Limits:Connections=2");
        using var http2 = new Http2Client();
        await using var first = await RawWebSocket.ConnectAsync(app.WebSocketAddress());
        using var second = await http2.ConnectAsync(app.WebSocketAddress());

        (await http2.Invoking(client => client.ConnectAsync(app.WebSocketAddress())).Should().ThrowAsync<WebSocketException>())
            .Which.Message.Should().Contain("503");
        await FluentActions.Awaiting(() => RawWebSocket.ConnectAsync(app.WebSocketAddress())).Should().ThrowAsync<InvalidOperationException>()
            .WithMessage("*503*Retry-After*");

        second.Abort();
        await Eventually.IsAsync(async () => await MayConnectAsync(app), "the closed connection makes room");
    }

    [Fact]
    public async Task The_demo_page_is_served_when_the_connection_limit_is_reached()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Limits:Connections=1");
        await using var only = await RawWebSocket.ConnectAsync(app.WebSocketAddress());
        using var http = new HttpClient();

        (await http.GetStringAsync(app.Address)).Should().Contain("Notifier");
    }

    [Theory]
    [InlineData("198.51.100.7", "198.51.100.7", "198.51.100.8")]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:2::1")]      // a customer has a /64
    [InlineData("::ffff:198.51.100.7", "198.51.100.7", "::ffff:198.51.100.8")]
    public async Task An_address_at_its_connection_limit_is_rejected_and_other_addresses_still_connect(string caller, string same, string other)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: [.. KnownProxy.Settings, "Limits:ConnectionsPerAddress=2"]);
        var first = await ConnectAsync(app, caller);
        await using var second = await ConnectAsync(app, same);

        using var refused = await HandshakeAsync(app, same);

        refused.StatusCode.Should().Be(HttpStatusCode.TooManyRequests);
        refused.Headers.RetryAfter.Should().NotBeNull();
        (await refused.Content.ReadAsStringAsync()).Should().StartWith("your address has reached its limit of 2 connections (Limits:ConnectionsPerAddress)");
        await using var neighbour = await ConnectAsync(app, other);
        await first.DisposeAsync();
        await Eventually.IsAsync(async () => await MayConnectAsync(app, same), "the closed connection makes room");
    }

    [Fact]
    public async Task An_address_behind_a_known_proxy_is_limited_to_1000_connections_by_default()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: KnownProxy.Settings);
        var clients = new List<RawWebSocket>();
        while (clients.Count < 1000)
            clients.AddRange(await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => ConnectAsync(app, "198.51.100.7"))));

        using var refused = await HandshakeAsync(app, "198.51.100.7");

        refused.StatusCode.Should().Be(HttpStatusCode.TooManyRequests);
        await clients.DisposeAllAsync();
    }

    [Fact]
    public async Task Connections_per_address_are_not_limited_without_a_known_proxy()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);

        var clients = await Clients.ConnectAsync(app, 1_100);

        app.Connections.Count.Should().BeInRange(1_000, 1_100);
        await clients.DisposeAllAsync();
    }

    [Fact]
    public async Task Handshakes_above_the_rate_limit_are_rejected_with_503_until_the_next_second()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: "Limits:HandshakesPerSecond=3");

        var answers = new List<HttpStatusCode>();
        for (var i = 0; i < 3; i++)
            answers.Add((await HandshakeAsync(app)).StatusCode);
        answers.Should().AllBeEquivalentTo(HttpStatusCode.SwitchingProtocols);

        var all = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => HandshakeAsync(app)));
        all.First(answer => answer.StatusCode == HttpStatusCode.ServiceUnavailable).Headers.RetryAfter.Should().NotBeNull();
        await Eventually.IsAsync(async () => await MayConnectAsync(app), "Notifier accepts other connections in the next second");
    }

    [Theory]
    [InlineData("GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgr", "HTTP/1.1 408 ", false)]
    [InlineData("", "", false)]
    [InlineData("GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgr", "HTTP/1.1 408 ", true)]
    [InlineData("", "", true)]      // the kernel keeps it for about 5 s
    public async Task A_client_that_does_not_complete_its_handshake_in_time_is_disconnected(string begun, string answer, bool isDeferred)
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: ["Limits:HandshakeTimeout=00:00:01", "Limits:IdleTimeout=00:00:01", $"Limits:DeferAccept={isDeferred}"]);
        using var client = new TcpClient();
        await client.ConnectAsync(app.Address.Host, app.Address.Port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(begun));

        using var reader = new StreamReader(client.GetStream());
        var read = await reader.ReadToEndAsync().WaitAsync(Eventually.Limit);

        read.Should().StartWith(answer);
    }

    [Fact]
    public async Task Connections_that_never_send_a_request_are_limited_too()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: ["Limits:Connections=1", .. KnownProxy.Settings]);    // a proxy has no limit of its own
        var silent = new List<TcpClient>();
        for (var i = 0; i < 1_001; i++)
        {
            silent.Add(new TcpClient());
            await silent[^1].ConnectAsync(app.Address.Host, app.Address.Port);
        }
        using var further = new TcpClient();
        await further.ConnectAsync(app.Address.Host, app.Address.Port);

        (await further.GetStream().ReadAsync(new byte[1]).AsTask().WaitAsync(Eventually.Limit)).Should().Be(0, "Notifier closes the connection at once");

        silent.ForEach(client => client.Dispose());
    }

    private static async Task<bool> MayConnectAsync(NotifierApp app, string? caller = null)
    {
        try
        {
            await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: Forwarded(caller));
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static Task<RawWebSocket> ConnectAsync(NotifierApp app, string caller) =>
        RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: Forwarded(caller));

    private static string Forwarded(string? caller) => caller is null ? "" : $"X-Forwarded-For: {caller}\r\n";

    /// <summary>Sends a handshake, and returns its answer as HTTP.</summary>
    private static async Task<HttpResponseMessage> HandshakeAsync(NotifierApp app, string? caller = null)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, "/ws"));
        request.Headers.Connection.Add("Upgrade");
        request.Headers.Upgrade.Add(new("websocket"));
        request.Headers.Add("Sec-WebSocket-Version", "13");
        request.Headers.Add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        if (caller is not null)
            request.Headers.Add("X-Forwarded-For", caller);
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).WaitAsync(Eventually.Limit);
    }
}
