using System.Net;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>
/// In Development everything is open, so only this machine is served: neither a page whose host name points to 127.0.0.1, nor a sandboxed frame, nor a visitor
/// who comes through a tunnel.
/// </summary>
public sealed class DevelopmentTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Refusal = "in Development only this machine is served, as localhost and without a proxy: see docs/access.md#development";

    /// <summary>The host, further headers, and the reason of the refusal.</summary>
    public static TheoryData<string, string, string> Strangers => new()
    {
        { "rebound.example:{port}", "Origin: http://rebound.example:{port}", Refusal },
        { "rebound.example", "", Refusal },
        { "192.168.1.7:{port}", "Origin: http://192.168.1.7:{port}", Refusal },
        { "", "Origin: http://localhost:{port}", Refusal },
        { "localhost:{port}", "X-Forwarded-For: 203.0.113.5", Refusal },
        { "localhost:{port}", "X-Forwarded-Host: tunnel.example", Refusal },
        { "localhost:{port}", "Forwarded: for=203.0.113.5", Refusal },
        { "localhost:{port}", "X-Real-IP: 203.0.113.5", Refusal },
        { "localhost:{port}", "Origin: null", "origin null is not allowed: see Access:AllowedOrigins" },
        { "localhost:{port}", "Origin: https://evil.example", "origin https://evil.example is not allowed: see Access:AllowedOrigins" },
    };

    [Theory]
    [MemberData(nameof(Strangers))]
    public async Task A_stranger_can_neither_subscribe_nor_publish_nor_read_in_development(string host, string header, string reason)
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration, settings: "History:Durable:Channels:0=abuse.durable");
        string At(string text) => text.Replace("{port}", $"{app.Address.Port}", StringComparison.Ordinal);
        var headers = header.Length == 0 ? "" : At(header) + "\r\n";

        foreach (var path in new[] { "/ws?channel=abuse.development", "/?channel=abuse.development" })
        {
            await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress(path), headers: headers, host: At(host));
            var close = await client.ReadUntilCloseAsync();
            (close.CloseCode, close.CloseText).Should().Be((4403, reason));
        }
        foreach (var request in new[] { "GET /events?channel=abuse.development", "POST /publish/abuse.development", "POST /publish", "GET /history/abuse.durable", "GET /position" })
        {
            var answer = await RawHttp.AskAsync(app, $"{request} HTTP/1.1\r\nHost: {At(host)}\r\n{headers}Connection: close\r\nContent-Length: 0\r\n\r\n");
            answer.Should().StartWith("HTTP/1.1 403 ", request).And.Contain(reason, request);
        }
        app.Hub.NameCount.Should().Be(0);
    }

    [Theory]
    [InlineData("localhost:{port}", "")]
    [InlineData("127.0.0.1:{port}", "Origin: http://127.0.0.1:{port}\r\n")]
    [InlineData("[::1]:{port}", "Origin: http://localhost:5173\r\n")]
    [InlineData("shop.localhost:3000", "Origin: http://shop.localhost:3000\r\n")]
    [InlineData("localhost:{port}", "Origin: file://\r\n")]
    public async Task Programs_and_pages_of_this_machine_are_served_in_development(string host, string headers)
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        string At(string text) => text.Replace("{port}", $"{app.Address.Port}", StringComparison.Ordinal);

        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=abuse.here"), headers: At(headers), host: At(host));

        await client.IsLiveAsync(fixture.Redis, "abuse.here");
    }

    /// <summary>A web server for development, which terminates TLS, for example. Its visitors are of this machine too.</summary>
    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("203.0.113.5", false)]
    public async Task A_known_proxy_on_this_machine_serves_only_visitors_of_this_machine_in_development(string visitor, bool isServed)
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration, settings: "ForwardedHeaders:KnownProxies:0=127.0.0.1");
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(app.Address, "/publish/abuse.known"))
        {
            Headers = { { "X-Forwarded-For", visitor }, { "X-Forwarded-Proto", "https" }, { "X-Forwarded-Host", "localhost:3000" }, { "Origin", "https://localhost:3000" } },
            Content = new StringContent("x"),
        };
        await Eventually.IsAsync(app.IsReadyAsync, "Notifier is connected to Redis");

        using var answer = await http.SendAsync(request);

        answer.StatusCode.Should().Be(isServed ? HttpStatusCode.OK : HttpStatusCode.Forbidden);
    }
}
