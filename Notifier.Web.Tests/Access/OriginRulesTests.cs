using System.Net;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Access.Origins;
using Notifier.Configuration;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Access;

public sealed class OriginRulesTests : IDisposable
{
    private const string Key = "Access:AllowedOrigins";

    private readonly LogCapture log = new();

    [Theory]
    [InlineData("Development")]
    [InlineData("Production")]
    public void A_client_without_an_origin_header_may_connect(string environment) =>
        Check(Rules(environment), "localhost").Should().BeNull();

    [Theory]
    [InlineData("https://example.com", "example.com")]
    [InlineData("http://example.com", "example.com")]
    [InlineData("https://example.com", "EXAMPLE.com")]
    [InlineData("https://EXAMPLE.com", "example.com")]
    [InlineData("https://example.com", "example.com:443")]
    [InlineData("http://example.com", "example.com:80")]
    [InlineData("http://example.com:8081", "example.com:8081")]
    [InlineData("https://example.com:8443", "example.com:8443")]
    [InlineData("http://[::1]:8081", "[::1]:8081")]
    [InlineData("http://[::1]", "[0:0:0:0:0:0:0:1]")]
    [InlineData("https://xn--bcher-kva.example", "xn--bcher-kva.example")]
    [InlineData("http://10.0.0.7:8081", "10.0.0.7:8081")]
    public void A_same_origin_page_may_connect_even_if_a_proxy_terminates_tls(string origin, string host) =>
        Check(Rules("Production"), host, origin).Should().BeNull();

    /// <summary>An attacker in the visitor's network can write a page of http://example.com, but none of https://example.com.</summary>
    [Theory]
    [InlineData("https", "", "")]
    [InlineData("http", "X-Forwarded-Proto", "https")]
    [InlineData("http", "X-Forwarded-Proto", "https, http")]
    public void An_http_page_is_not_of_the_same_origin_as_a_server_that_the_browser_reaches_by_https(string scheme, string header, string value)
    {
        var request = Request("example.com", "http://example.com");
        request.Scheme = scheme;
        if (header.Length > 0)
            request.Headers[header] = value;

        Rules("Production").Check(request).Should().Be("origin http://example.com is not allowed: see Access:AllowedOrigins");

        request.Headers.Origin = "https://example.com";
        Rules("Production").Check(request).Should().BeNull();
    }

    /// <summary>A picture or a link on a page of another site: the browser sends the visitor's cookies, but no Origin.</summary>
    [Theory]
    [InlineData("cross-site", true)]
    [InlineData("same-site", true)]
    [InlineData("same-origin", false)]
    [InlineData("none", false)]
    [InlineData("", false)]
    public void A_request_of_another_site_without_an_origin_is_rejected_where_cookies_are_read(string site, bool isRejected)
    {
        var request = Request("example.com");
        if (site.Length > 0)
            request.Headers["Sec-Fetch-Site"] = site;

        foreach (var access in new AccessOptions[] { new() { Tokens = { Secret = TestToken.Secret, Cookie = "session" } }, new() { Callback = { Url = "https://app.example/" } } })
            (Rules("Production", access).Check(request) is not null).Should().Be(isRejected);
        Rules("Production", new AccessOptions { Tokens = { Secret = TestToken.Secret } }).Check(request).Should().BeNull("no cookie is read");
    }

    [Theory]
    [InlineData("https://example.com", "example.com:80")]
    [InlineData("http://example.com", "example.com:443")]
    [InlineData("https://example.com:8443", "example.com")]
    [InlineData("https://example.com", "example.com:8443")]
    [InlineData("https://evil.example", "example.com")]
    [InlineData("https://sub.example.com", "example.com")]
    [InlineData("https://example.com", "sub.example.com")]
    [InlineData("https://example.com", "")]
    [InlineData("https://example.com", "example.com:99999")]
    [InlineData("https://example.com", "example.com:0443")]
    [InlineData("https://example.com", "xn--0")]
    [InlineData("capacitor://example.com", "example.com")]
    [InlineData("ws://example.com", "example.com")]
    [InlineData("file://", "")]
    [InlineData("null", "null")]
    [InlineData("http://localhost:3000", "localhost:8081")]
    [InlineData("http://127.0.0.1:8081", "localhost:8081")]
    public void An_origin_that_is_neither_the_same_nor_configured_is_rejected_in_production(string origin, string host) =>
        Check(Rules("Production"), host, origin).Should().Be($"origin {origin} is not allowed: see Access:AllowedOrigins");

    [Theory]
    [InlineData("http://localhost")]
    [InlineData("http://localhost:3000")]
    [InlineData("https://localhost:5173")]
    [InlineData("http://shop.localhost:3000")]
    [InlineData("http://127.0.0.1:3000")]
    [InlineData("http://127.8.9.10:3000")]
    [InlineData("http://[::1]:3000")]
    [InlineData("file://")]
    public void Local_pages_may_connect_in_development_but_not_in_production(string origin)
    {
        Check(Rules("Development"), "localhost:8081", origin).Should().BeNull();
        Check(Rules("Production"), "localhost:8081", origin).Should().NotBeNull();
    }

    [Theory]
    [InlineData("null")]
    [InlineData("https://evil.example")]
    [InlineData("http://localhost.evil.example")]
    [InlineData("http://192.168.1.8")]
    [InlineData("capacitor://localhost")]
    public void An_origin_that_is_not_a_local_page_is_rejected_in_development(string origin) => Check(Rules("Development"), "localhost:8081", origin).Should().NotBeNull();

    [Theory]
    [InlineData("https://app.example.com", "https://app.example.com")]
    [InlineData("https://App.Example.com:443", "https://app.example.com")]
    [InlineData("https://app.example.com", "HTTPS://APP.example.com:443")]
    [InlineData("http://app.example.com:8080", "http://app.example.com:8080")]
    [InlineData("https://*.example.com", "https://app.example.com")]
    [InlineData("https://*.example.com", "https://a.b.c.example.com")]
    [InlineData("https://*.EXAMPLE.com:443", "https://app.Example.com")]
    [InlineData("http://*.example.com:8080", "http://app.example.com:8080")]
    [InlineData("https://bücher.example", "https://xn--bcher-kva.example")]
    [InlineData("https://*.Bücher.example", "https://neue.xn--bcher-kva.example")]
    [InlineData("http://[2001:db8::1]:8080", "http://[2001:db8:0::1]:8080")]
    [InlineData("capacitor://localhost", "capacitor://localhost")]
    [InlineData("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop")]
    [InlineData("file://", "file://")]
    [InlineData("null", "null")]
    [InlineData("*", "https://evil.example")]
    [InlineData("*", "capacitor://localhost")]
    [InlineData("*", "null")]
    public void A_configured_origin_may_connect(string allowed, string origin)
    {
        Check(Rules("Production", "https://another.example", allowed), "example.com", origin).Should().BeNull();
        Check(Rules("Production", "https://another.example"), "example.com", origin).Should().NotBeNull();
    }

    [Theory]
    [InlineData("https://app.example.com", "http://app.example.com")]
    [InlineData("https://app.example.com", "https://app.example.com:8443")]
    [InlineData("https://app.example.com", "https://other.example.com")]
    [InlineData("https://*.example.com", "https://example.com")]
    [InlineData("https://*.example.com", "https://evilexample.com")]
    [InlineData("https://*.example.com", "https://example.com.evil.example")]
    [InlineData("https://*.example.com", "https://app.example.com.")]
    [InlineData("https://*.example.com", "http://app.example.com")]
    [InlineData("https://*.example.com", "https://app.example.com:8443")]
    [InlineData("https://*.example.com", "null")]
    [InlineData("null", "file://")]
    [InlineData("capacitor://localhost", "capacitor://localhost:1")]
    [InlineData("capacitor://localhost", "http://localhost")]
    public void An_origin_that_only_resembles_a_configured_one_is_rejected(string allowed, string origin) =>
        Check(Rules("Production", allowed), "server.example", origin).Should().NotBeNull();

    [Theory]
    [InlineData("")]
    [InlineData("https://example.com/")]
    [InlineData("https://example.com, https://example.com")]
    [InlineData("\u001b[2J\u001b[31mhello")]
    public void A_malformed_origin_header_is_rejected_even_if_all_are_allowed_and_its_value_is_not_logged(string origin)
    {
        foreach (var environment in new[] { "Development", "Production" })
            Check(Rules(environment, "*", "null"), "localhost", origin).Should().Be("the Origin header is malformed");
        log.Lines.Should().OnlyContain(line => line.Text.StartsWith("Refused a connection whose Origin header is malformed."));
    }

    [Fact]
    public void Several_origin_headers_are_rejected_even_if_each_alone_is_allowed()
    {
        Check(Rules("Production", "*"), "example.com", "https://example.com", "https://example.com").Should().Be("the Origin header is malformed");
        Check(Rules("Development", "*"), "localhost", "null", "null").Should().Be("the Origin header is malformed");
    }

    [Fact]
    public void A_rejected_origin_is_warned_about_once_and_a_flood_of_origins_logs_only_100_warnings()
    {
        var rules = Rules("Production");
        Check(rules, "example.com", "https://evil.example");
        Check(rules, "example.com", "HTTPS://EVIL.example:443");

        log.Lines.Select(line => line.Level).Should().Equal(LogLevel.Warning, LogLevel.Debug);
        log.Lines.First().Text.Should().Contain("https://evil.example").And.Contain(Key);

        for (var i = 0; i < 1000; i++)
            Check(rules, "example.com", $"https://evil-{i}.example");
        log.Lines.Should().HaveCount(1002);
        log.Lines.Count(line => line.Level == LogLevel.Warning).Should().Be(100);
    }

    public void Dispose() => log.Dispose();

    private OriginRules Rules(string environment, params string[] allowed) => Rules(environment, new AccessOptions { AllowedOrigins = allowed });

    private OriginRules Rules(string environment, AccessOptions options)
    {
        new AccessValidator(new NameRules(Options.Create(new LimitsOptions())), Configuration()).Validate(null, options).Succeeded.Should().BeTrue();
        return new OriginRules(
            Options.Create(options),
            new HostingEnvironment { EnvironmentName = environment },
            LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Debug).AddProvider(log)).CreateLogger<OriginRules>());
    }

    private static string? Check(OriginRules rules, string host, params string[] origins) => rules.Check(Request(host, origins));

    private static HttpRequest Request(string host, params string[] origins)
    {
        var context = new DefaultHttpContext { Connection = { RemoteIpAddress = IPAddress.Loopback } };
        context.Request.Headers.Host = host;
        if (origins.Length > 0)
            context.Request.Headers.Origin = origins;
        return context.Request;
    }

    private static IConfiguration Configuration() => new ConfigurationBuilder().Build();
}
