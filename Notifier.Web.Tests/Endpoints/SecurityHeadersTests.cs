using System.Net;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

public sealed class SecurityHeadersTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private static readonly (string Name, string Value)[] Expected =
    [
        ("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ];

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData("/", HttpStatusCode.OK)]
    [InlineData("/demo.js", HttpStatusCode.OK)]
    [InlineData("/demo.css", HttpStatusCode.OK)]
    [InlineData("/ws", HttpStatusCode.UpgradeRequired)]
    [InlineData("/nothing", HttpStatusCode.NotFound)]
    public async Task Every_answer_has_the_security_headers_over_http1_and_http2(string path, HttpStatusCode status)
    {
        await using var plain = await NotifierApp.StartAsync(Redis.Configuration);
        await using var tls = await NotifierApp.StartAsync(Redis.Configuration, Listen.Tls);
        using var http = new HttpClient();
        using var http2 = new Http2Client();
        using var overPlain = await http.GetAsync(new Uri(plain.Address, path));
        using var overTls = await http2.GetAsync(new Uri(tls.Address, path));

        foreach (var response in new[] { overPlain, overTls })
        {
            response.StatusCode.Should().Be(status);
            foreach (var (name, value) in Expected)
                response.Headers.GetValues(name).Should().Equal(value);
        }
    }

    [Fact]
    public async Task A_websocket_handshake_has_no_security_headers()
    {
        await using var plain = await NotifierApp.StartAsync(Redis.Configuration);
        await using var tls = await NotifierApp.StartAsync(Redis.Configuration, Listen.Tls);
        await using var client = await RawWebSocket.ConnectAsync(plain.WebSocketAddress());
        using var http2 = new Http2Client();
        using var clientOverHttp2 = await http2.ConnectAsync(tls.WebSocketAddress());

        foreach (var (name, _) in Expected)
        {
            client.Handshake.Should().NotContainEquivalentOf(name);
            clientOverHttp2.HttpResponseHeaders!.Keys.Should()
                .NotContain(header => header.Equals(name, StringComparison.OrdinalIgnoreCase));
        }
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/demo.js")]
    [InlineData("/demo.css")]
    public async Task A_static_file_may_be_cached_but_is_revalidated_each_time(string path)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var http = new HttpClient();
        using var first = await http.GetAsync(new Uri(app.Address, path));
        using var again = new HttpRequestMessage(HttpMethod.Get, new Uri(app.Address, path));
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using var second = await http.SendAsync(again);

        second.StatusCode.Should().Be(HttpStatusCode.NotModified);
        foreach (var response in new[] { first, second })
            response.Headers.CacheControl!.ToString().Should().Be("no-cache");
    }
}
