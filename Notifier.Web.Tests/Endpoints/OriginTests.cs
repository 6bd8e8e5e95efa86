using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>The origins that Notifier accepts, and the rejection that other origins get.</summary>
public sealed class OriginTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Evil = "https://evil.example";
    private const string Refusal = "origin https://evil.example is not allowed: see Access:AllowedOrigins";

    /// <summary>Opens every name, so that only the origin decides.</summary>
    private static readonly string[] Production = ["environment=Production", "Access:Anonymous:Subscribe:0=*"];

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain, "/ws")]
    [InlineData(Listen.Plain, "/")]
    [InlineData(Listen.Tls, "/ws")]
    [InlineData(Listen.Tls, "/")]
    public async Task A_page_of_another_site_is_rejected_with_the_reason_and_subscribed_to_nothing(Listen listen, string path)
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, listen, settings: [.. Production, "Subscriptions:Default:0=origin.default"]);
        await using var client = await RawWebSocket.ConnectAsync(
            app.WebSocketAddress(path + "?channel=origin.address&pattern=origin.*"), headers: $"Origin: {Evil}\r\n");
        await client.SendTextAsync("origin.frame");

        var close = (await client.ReadFrameAsync())!;

        (close.Opcode, close.CloseCode, close.CloseText).Should().Be((Frame.CloseOpcode, 4403, Refusal));
        app.Hub.NameCount.Should().Be(0);
        await client.SendCloseAsync(4403);
        (await client.ReadFrameAsync()).Should().BeNull();
        app.Hub.NameCount.Should().Be(0);
        app.Log.Lines.Should().ContainSingle(line => line.Level == LogLevel.Warning && line.Category == "Notifier.Access.Origins.OriginRules")
            .Which.Text.Should().Contain(Evil).And.Contain("Access:AllowedOrigins");
    }

    [Theory]
    [InlineData("/ws")]
    [InlineData("/")]
    public async Task An_http2_page_of_another_site_is_rejected_and_a_same_origin_page_receives_messages(string path)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, Listen.Tls, settings: Production);
        using var http2 = new Http2Client();
        using var refused = await http2.ConnectAsync(app.WebSocketAddress(path + "?channel=origin.http2"), [("Origin", Evil)]);

        var close = await refused.ReadMessageAsync();

        (close.CloseCode, close.CloseText).Should().Be((4403, Refusal));
        app.Hub.NameCount.Should().Be(0);

        using var allowed = await http2.ConnectAsync(
            app.WebSocketAddress(path + "?channel=origin.http2"), [("Origin", app.Address.GetLeftPart(UriPartial.Authority))]);
        await Redis.WhenChannelIsLiveAsync(app, "origin.http2");
        await Redis.PublishAsync("origin.http2", "hello");
        (await allowed.ReadMessageAsync()).Text.Should().Be("hello");
    }

    [Theory]
    [InlineData(Listen.Plain, null, "")]
    [InlineData(Listen.Plain, null, "Origin: {own}\r\n")]
    [InlineData(Listen.Tls, null, "Origin: {own}\r\n")]
    [InlineData(Listen.Plain, "Example.com", "Origin: https://example.com\r\n")]
    [InlineData(Listen.Plain, "example.com:443", "Origin: https://example.com\r\n")]
    [InlineData(Listen.Plain, "example.com:8443", "Origin: https://EXAMPLE.com:8443\r\n")]
    [InlineData(Listen.Plain, "[::1]:8081", "Origin: http://[::1]:8081\r\n")]
    [InlineData(Listen.Plain, "xn--bcher-kva.example", "Origin: https://xn--bcher-kva.example\r\n")]
    [InlineData(Listen.Plain, "example.com", "Origin: https://app.example.org\r\n")]
    public async Task Clients_of_the_same_origin_a_configured_origin_or_no_origin_receive_messages(Listen listen, string? host, string header)
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, listen, settings: [.. Production, "Access:AllowedOrigins:0=null", "Access:AllowedOrigins:1=https://*.example.org"]);
        var own = app.Address.GetLeftPart(UriPartial.Authority);
        await using var client = await RawWebSocket.ConnectAsync(
            app.WebSocketAddress("/ws?channel=origin.served"), headers: header.Replace("{own}", own, StringComparison.Ordinal), host: host);

        await IsServedAsync(app, client, "origin.served");
    }

    [Theory]
    [InlineData("example.com", "Origin: https://example.com:8443\r\n", "origin https://example.com:8443 is not allowed: see Access:AllowedOrigins")]
    [InlineData("", "Origin: https://example.com\r\n", "origin https://example.com is not allowed: see Access:AllowedOrigins")]
    [InlineData("xn--0", "Origin: https://example.com\r\n", "origin https://example.com is not allowed: see Access:AllowedOrigins")]
    [InlineData("example.com", "Origin: null\r\n", "origin null is not allowed: see Access:AllowedOrigins")]
    [InlineData("example.com", "Origin:\r\n", "the Origin header is malformed")]
    [InlineData("example.com", "Origin: https://example.com/\r\n", "the Origin header is malformed")]
    [InlineData("example.com", "Origin: https://example.com, https://example.com\r\n", "the Origin header is malformed")]
    [InlineData("example.com", "Origin: https://example.com\r\nOrigin: https://example.com\r\n", "the Origin header is malformed")]
    [InlineData("example.com", "Origin: \u001b[31mred\r\n", "the Origin header is malformed")]
    public async Task A_foreign_or_malformed_origin_is_rejected_and_a_malformed_header_is_not_repeated(string host, string header, string reason)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Production);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=origin.refused"), headers: header, host: host);

        var close = await client.ReadUntilCloseAsync();

        (close.CloseCode, close.CloseText).Should().Be((4403, reason));
        app.Hub.NameCount.Should().Be(0);
        app.Log.Says("\u001b").Should().BeFalse();
    }

    [Theory]
    [InlineData("notifier.example.com", "HTTP/1.1 200 ")]
    [InlineData("a.example.org:8081", "HTTP/1.1 200 ")]
    [InlineData("evil.example", "HTTP/1.1 400 ")]
    public async Task A_request_for_a_host_that_is_not_in_the_list_of_allowed_hosts_is_rejected(string host, string status)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: [.. Production, "AllowedHosts=notifier.example.com;*.example.org"]);

        (await RawHttp.AskAsync(app, $"GET /notifier.js HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).Should().StartWith(status);
    }

    [Fact]
    public async Task A_reason_that_is_too_long_for_a_close_is_cut()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, settings: Production);
        var origin = $"https://{new string('a', 200)}.example";
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: $"Origin: {origin}\r\n");

        (await client.ReadUntilCloseAsync()).CloseText.Should().Be($"origin {origin}"[..123]);
        app.Log.Says(origin).Should().BeTrue();
    }

    [Fact]
    public async Task An_http_page_of_the_same_host_is_rejected_by_a_server_with_tls()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, Listen.Tls, settings: Production);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: "Origin: http://example.com\r\n", host: "example.com");

        (await client.ReadUntilCloseAsync()).CloseText.Should().Be("origin http://example.com is not allowed: see Access:AllowedOrigins");
    }

    [Theory]
    [InlineData("file://")]
    [InlineData("http://localhost:3000")]
    [InlineData("https://127.0.0.2:3000")]
    [InlineData("http://[::1]:3000")]
    public async Task Pages_of_this_machine_receive_messages_in_development(string origin)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await RawWebSocket.ConnectAsync(
            app.WebSocketAddress("/ws?channel=origin.development"), headers: $"Origin: {origin}\r\n", host: "localhost:8081");

        await IsServedAsync(app, client, "origin.development");
    }

    [Fact]
    public async Task A_page_of_another_site_is_rejected_in_development_too()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress(), headers: $"Origin: {Evil}\r\n");

        (await client.ReadUntilCloseAsync()).CloseText.Should().Be(Refusal);
    }

    private async Task IsServedAsync(NotifierApp app, RawWebSocket client, string channel)
    {
        await Redis.WhenChannelIsLiveAsync(app, channel);
        app.Hub.CountSubscribers(Name.Channel(channel)).Should().Be(1);
        await Redis.PublishAsync(channel, "hello");
        (await client.ReadTextAsync()).Should().Be("hello");
    }
}
