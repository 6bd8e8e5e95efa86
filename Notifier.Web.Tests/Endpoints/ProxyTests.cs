using System.Collections.Concurrent;
using System.Net;
using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Notifier.Connections;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>Notifier trusts forwarded headers only from known proxies. Every test connects from 127.0.0.1.</summary>
public sealed class ProxyTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Loopback = "ForwardedHeaders:KnownProxies:0=127.0.0.1";
    private const string Stranger = "ForwardedHeaders:KnownProxies:0=10.0.0.5";

    private static readonly string[] Production = ["environment=Production", "Access:Anonymous:Subscribe:0=*"];

    private readonly ConcurrentQueue<Seen> seen = [];

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain, Loopback)]
    [InlineData(Listen.Tls, Loopback)]
    [InlineData(Listen.Plain, "ForwardedHeaders:KnownNetworks:0=127.0.0.0/8")]
    public async Task The_client_address_scheme_and_host_forwarded_by_a_known_proxy_are_trusted(Listen listen, string known)
    {
        await using var app = await StartAsync(listen, known);
        await using var client = await RawWebSocket.ConnectAsync(
            app.WebSocketAddress("/ws?channel=proxy.known"),
            headers: "Origin: https://example.com\r\nX-Forwarded-For: 203.0.113.7\r\n"
                + "X-Forwarded-Proto: https\r\nX-Forwarded-Host: example.com\r\n",
            host: "notifier:8081");

        await Redis.WhenChannelIsLiveAsync(app, "proxy.known");
        await Redis.PublishAsync("proxy.known", "hello");

        (await client.ReadTextAsync()).Should().Be("hello");
        seen.Should().Equal(new Seen("203.0.113.7", "https", "example.com"));
        (await app.OnlyConnectionAsync()).Transport.Should().BeOfType(listen == Listen.Plain ? typeof(SocketTransport) : typeof(StreamTransport));
    }

    [Fact]
    public async Task The_client_address_and_host_forwarded_by_a_known_proxy_over_http2_are_trusted()
    {
        await using var app = await StartAsync(Listen.Tls, Loopback);
        using var http2 = new Http2Client();
        using var client = await http2.ConnectAsync(
            app.WebSocketAddress("/ws?channel=proxy.http2"),
            [("Origin", "https://example.com"), ("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Host", "example.com")]);

        await Redis.WhenChannelIsLiveAsync(app, "proxy.http2");
        await Redis.PublishAsync("proxy.http2", "hello");

        (await client.ReadMessageAsync()).Text.Should().Be("hello");
        seen.Should().Equal(new Seen("203.0.113.7", "https", "example.com"));
    }

    [Theory]
    [InlineData("https://notifier.internal")]
    [InlineData("https://evil.example")]
    public async Task The_forwarded_host_replaces_the_host_header_of_a_known_proxy(string origin)
    {
        await using var app = await StartAsync(Listen.Plain, Loopback);
        await using var client = await RawWebSocket.ConnectAsync(
            app.WebSocketAddress(), headers: $"Origin: {origin}\r\nX-Forwarded-Host: example.com\r\n", host: "notifier.internal");

        (await client.ReadUntilCloseAsync()).CloseText.Should().Be($"origin {origin} is not allowed: see Access:AllowedOrigins");
    }

    [Theory]
    [InlineData(Stranger)]
    [InlineData("ForwardedHeaders:KnownNetworks:0=10.0.0.0/8")]
    [InlineData("Redis:Linger=00:00:00")]
    public async Task Forwarded_headers_of_an_unknown_proxy_are_ignored(string settings)
    {
        await using var app = await StartAsync(Listen.Plain, settings);
        await using var client = await RawWebSocket.ConnectAsync(
            app.WebSocketAddress(),
            headers: "Origin: https://example.com\r\nX-Forwarded-For: 127.0.0.1, 203.0.113.7\r\n"
                + "X-Forwarded-Proto: https\r\nX-Forwarded-Host: example.com\r\n",
            host: "notifier:8081");

        (await client.ReadUntilCloseAsync()).CloseText.Should().Be("origin https://example.com is not allowed: see Access:AllowedOrigins");
        seen.Should().Equal(new Seen("127.0.0.1", "http", "notifier:8081"));
    }

    [Theory]
    [InlineData("127.0.0.1, 203.0.113.7", "evil.example, example.com", "203.0.113.7")]
    [InlineData("198.51.100.1, 203.0.113.7, 10.0.0.5", "evil.example, example.com, example.com", "203.0.113.7")]
    [InlineData("198.51.100.1, 203.0.113.7, 10.0.0.5, 127.0.0.1", "evil.example, example.com, example.com, example.com", "203.0.113.7")]
    [InlineData("10.0.0.5, nonsense, 203.0.113.7", "evil.example, evil.example, example.com", "203.0.113.7")]
    public async Task Forwarded_values_that_a_client_put_before_those_of_known_proxies_are_ignored(string chain, string hosts, string caller)
    {
        await using var app = await StartAsync(Listen.Plain, Loopback, "ForwardedHeaders:KnownProxies:1=10.0.0.5");
        await using var client = await RawWebSocket.ConnectAsync(
            app.WebSocketAddress(), headers: $"Origin: https://evil.example\r\nX-Forwarded-For: {chain}\r\nX-Forwarded-Host: {hosts}\r\n");

        (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(4403);
        seen.Should().Equal(new Seen(caller, "http", "example.com"));
    }

    /// <summary>On a socket for IPv4 and IPv6 the proxy's address is ::ffff:127.0.0.1.</summary>
    [Fact]
    public async Task A_known_ipv4_proxy_is_recognized_on_a_socket_for_ipv4_and_ipv6()
    {
        await using var app = await StartAsync(Listen.Plain, Loopback, "urls=http://*:0");

        await GetAsync(app.Address.Port, "203.0.113.7");

        seen.Should().Equal(new Seen("203.0.113.7", "http", $"127.0.0.1:{app.Address.Port}"));
    }

    [Fact]
    public async Task Forwarded_headers_do_not_carry_over_to_the_next_request_of_a_connection()
    {
        await using var app = await StartAsync(Listen.Plain, Loopback);
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1 });

        await GetAsync(app.Address.Port, "203.0.113.7", http);
        await GetAsync(app.Address.Port, null, http);

        seen.Select(request => request.Address).Should().Equal("203.0.113.7", "127.0.0.1");
    }

    /// <summary>With this switch, ASP.NET Core configures the middleware to trust everybody, and runs it before ours.</summary>
    [Theory]
    [InlineData("Redis:Linger=00:00:00", "127.0.0.1", true)]
    [InlineData(Stranger, "127.0.0.1", false)]
    [InlineData(Loopback, "203.0.113.7", false)]
    public async Task The_framework_switch_to_trust_all_proxies_is_ignored_and_warned_about_if_none_is_configured(string settings, string address, bool isTold)
    {
        await using var app = await StartAsync(Listen.Plain, "ForwardedHeaders_Enabled=true", settings);

        await GetAsync(app.Address.Port, "203.0.113.7");

        seen.Select(request => request.Address).Should().Equal(address);
        app.Log.Lines.Any(line => line.Level == LogLevel.Warning && line.Category == "Notifier.Access.Origins.KnownProxies").Should().Be(isTold);
    }

    private Task<NotifierApp> StartAsync(Listen listen, params string[] settings) => NotifierApp.StartAsync(
        Redis.Configuration,
        builder =>
        {
            builder.Services.AddSingleton<IStartupFilter>(new Watch(seen));
            if (listen == Listen.Tls)
                builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
                    IPAddress.Loopback, 0, endpoint => endpoint.UseHttps(NotifierApp.Certificate.Value)));
        },
        ["urls=http://127.0.0.1:0", .. Production, .. settings]);

    private static async Task GetAsync(int port, string? forwardedFor, HttpClient? http = null)
    {
        using var own = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{port}/ws");
        if (forwardedFor is not null)
            request.Headers.Add("X-Forwarded-For", forwardedFor);
        using var response = await (http ?? own).SendAsync(request);
        response.StatusCode.Should().Be(HttpStatusCode.UpgradeRequired);
    }

    /// <summary>A request as the endpoints see it.</summary>
    private sealed record Seen(string Address, string Scheme, string Host);

    /// <summary>Records each request after it was answered, when every middleware has run.</summary>
    private sealed class Watch(ConcurrentQueue<Seen> seen) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((context, rest) =>
            {
                context.Response.OnStarting(() =>
                {
                    var (connection, request) = (context.Connection, context.Request);
                    seen.Enqueue(new Seen(connection.RemoteIpAddress!.ToString(), request.Scheme, request.Host.ToString()));
                    return Task.CompletedTask;
                });
                return rest(context);
            });
            next(app);
        };
    }
}
