using System.Net;
using FluentAssertions;
using Microsoft.AspNetCore.TestHost;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>The content that each address serves.</summary>
public sealed class AddressTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain, "/ws")]
    [InlineData(Listen.Plain, "/")]
    [InlineData(Listen.Tls, "/ws")]
    [InlineData(Listen.Tls, "/")]
    public async Task A_websocket_opens_at_both_addresses(Listen listen, string path)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress(path + "?channel=address"));
        await Redis.WhenChannelIsLiveAsync(app, "address");

        await Redis.PublishAsync("address", "hello");

        (await client.ReadTextAsync()).Should().Be("hello");
    }

    [Theory]
    [InlineData("/ws")]
    [InlineData("/")]
    public async Task A_websocket_over_http2_opens_at_both_addresses(string path)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, Listen.Tls);
        using var http2 = new Http2Client();
        using var client = await http2.ConnectAsync(app.WebSocketAddress(path));
        await client.SendTextAsync("address");
        await Redis.WhenChannelIsLiveAsync(app, "address");

        await Redis.PublishAsync("address", "hello");

        (await client.ReadMessageAsync()).Text.Should().Be("hello");
        await client.SendTextAsync("");
        (await client.ReadMessageAsync()).CloseCode.Should().Be(4400);
    }

    [Fact]
    public async Task An_unknown_subprotocol_is_refused_over_http2_too()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, Listen.Tls);
        using var http2 = new Http2Client();
        using var client = await http2.ConnectAsync(app.WebSocketAddress(), "graphql-ws", "soap");

        client.SubProtocol.Should().Be("graphql-ws");
        (await client.ReadMessageAsync()).CloseCode.Should().Be(4400);
    }

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task A_plain_request_to_the_websocket_address_receives_upgrade_required_with_an_explanation(Listen listen)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        using var http2 = new Http2Client();
        using var http = new HttpClient();
        using var response = listen == Listen.Tls
            ? await http2.GetAsync(new Uri(app.Address, "/ws"))
            : await http.GetAsync(new Uri(app.Address, "/ws"));

        response.StatusCode.Should().Be(HttpStatusCode.UpgradeRequired);
        response.Content.Headers.ContentType!.ToString().Should().Be("text/plain; charset=utf-8");
        (await response.Content.ReadAsStringAsync()).Should().Be("This address speaks WebSocket. In a browser: new WebSocket(\"ws://…/ws\").\n");
        if (listen == Listen.Plain)
            response.Headers.Upgrade.Should().ContainSingle().Which.Name.Should().Be("websocket");
    }

    [Fact]
    public async Task The_demo_page_is_served_at_the_root()
    {
        await using var app = await StartOnTestHostAsync();
        using var http = app.TestServer.CreateClient();

        using var response = await http.GetAsync(new Uri("/", UriKind.Relative));

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        response.Content.Headers.ContentType!.MediaType.Should().Be("text/html");
        (await response.Content.ReadAsStringAsync()).Should().ContainEquivalentOf("<!doctype html>");
    }

    [Fact]
    public async Task A_websocket_on_a_server_other_than_kestrel_is_rejected_with_status_501()
    {
        await using var app = await StartOnTestHostAsync();

        var connecting = app.TestServer.CreateWebSocketClient().ConnectAsync(new Uri("ws://localhost/ws"), CancellationToken.None);

        (await connecting.Invoking(task => task).Should().ThrowAsync<InvalidOperationException>()).Which.Message.Should().Contain("501");
    }

    private Task<NotifierApp> StartOnTestHostAsync() => NotifierApp.StartAsync(Redis.Configuration, builder => builder.WebHost.UseTestServer());
}
