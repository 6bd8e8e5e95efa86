using FluentAssertions;
using Notifier.Access.Origins;
using Xunit;

namespace Notifier.Tests.Access;

public sealed class OriginTests
{
    [Theory]
    [InlineData("https://example.com", "https://example.com")]
    [InlineData("HTTPS://Example.COM", "https://example.com")]
    [InlineData("https://example.com:443", "https://example.com")]
    [InlineData("http://example.com:80", "http://example.com")]
    [InlineData("http://example.com:443", "http://example.com:443")]
    [InlineData("https://example.com:8443", "https://example.com:8443")]
    [InlineData("http://my_host", "http://my_host")]
    [InlineData("http://127.0.0.1:8081", "http://127.0.0.1:8081")]
    [InlineData("http://[::1]:8081", "http://[::1]:8081")]
    [InlineData("http://[2001:DB8:0:0::1]", "http://[2001:db8::1]")]
    [InlineData("https://xn--bcher-kva.example", "https://xn--bcher-kva.example")]
    [InlineData("https://BÜCHER.example", "https://xn--bcher-kva.example")]
    [InlineData("https://日本語.example:8443", "https://xn--wgv71a119e.example:8443")]
    [InlineData("capacitor://localhost", "capacitor://localhost")]
    [InlineData("Chrome-Extension://abcdefghijklmnopabcdefghijklmnop", "chrome-extension://abcdefghijklmnopabcdefghijklmnop")]
    [InlineData("app://Obsidian.md:80", "app://Obsidian.md:80")]
    [InlineData("null", "null")]
    [InlineData("file://", "file://")]
    public void An_origin_is_parsed_into_its_canonical_form(string text, string canonical)
    {
        var origin = Origin.Parse(text);

        origin!.ToString().Should().Be(canonical);
        Origin.Parse(canonical).Should().Be(origin);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("NULL")]
    [InlineData("*")]
    [InlineData("example.com")]
    [InlineData("//example.com")]
    [InlineData("://example.com")]
    [InlineData("https:example.com")]
    [InlineData("https://")]
    [InlineData("https://:443")]
    [InlineData("https://example.com/")]
    [InlineData("https://example.com/path")]
    [InlineData("https://example.com?query")]
    [InlineData("https://example.com#part")]
    [InlineData("https://user@example.com")]
    [InlineData("https://user:password@example.com")]
    [InlineData("https://example.com:")]
    [InlineData("https://example.com:0")]
    [InlineData("https://example.com:0443")]
    [InlineData("https://example.com:+443")]
    [InlineData("https://example.com:443:443")]
    [InlineData("https://example.com:65536")]
    [InlineData("https://example.com:https")]
    [InlineData("https://example..com")]
    [InlineData("https://.example.com")]
    [InlineData("https://*.example.com")]
    [InlineData("https://example.com https://example.com")]
    [InlineData("https://example.com, https://example.com")]
    [InlineData("https://example.com\u001b[31m")]
    [InlineData("https://example.com\\evil")]
    [InlineData("https://exam%70le.com")]
    [InlineData("ht\u001btps://example.com")]
    [InlineData("1https://example.com")]
    [InlineData("capacitor://")]
    [InlineData("capacitor://ü")]
    [InlineData("file:///home")]
    [InlineData("http://::1")]
    [InlineData("http://[::1")]
    [InlineData("http://[::1]x")]
    [InlineData("http://[[::1]]")]
    [InlineData("http://[fe80::1%25eth0]")]
    [InlineData("http://[127.0.0.1]")]
    [InlineData("http://[]")]
    [InlineData("http://ü..example")]
    public void Text_that_is_not_an_origin_does_not_parse(string text) => Origin.Parse(text).Should().BeNull();

    [Fact]
    public void An_overlong_origin_does_not_parse()
    {
        Origin.Parse("https://" + new string('a', 253)).Should().NotBeNull();
        Origin.Parse("https://" + new string('a', 300)).Should().BeNull();
        Origin.Parse("https", new string('a', 100_000)).Should().BeNull();
        Origin.Parse(new string('a', 300) + "://a").Should().BeNull();
    }

    [Theory]
    [InlineData("https://example.com", "http://example.com")]
    [InlineData("https://example.com", "https://example.com:8443")]
    [InlineData("https://example.com", "https://www.example.com")]
    [InlineData("https://example.com", "https://example.com.")]
    [InlineData("https://bücher.example", "https://bucher.example")]
    [InlineData("app://Obsidian.md", "app://obsidian.md")]
    [InlineData("null", "file://")]
    [InlineData("null", "https://null")]
    public void Origins_that_differ_in_scheme_host_or_port_are_not_equal(string one, string other) => Origin.Parse(one).Should().NotBe(Origin.Parse(other)).And.NotBeNull();

    [Theory]
    [InlineData("http://localhost", true)]
    [InlineData("https://LOCALHOST:3000", true)]
    [InlineData("http://app.localhost:3000", true)]
    [InlineData("http://127.0.0.1:3000", true)]
    [InlineData("http://127.1.2.3", true)]
    [InlineData("http://[::1]:3000", true)]
    [InlineData("http://localhost.evil.example", false)]
    [InlineData("http://notlocalhost", false)]
    [InlineData("http://127.0.0.1.evil.example", false)]
    [InlineData("http://128.0.0.1", false)]
    [InlineData("http://[::2]", false)]
    [InlineData("capacitor://localhost", false)]
    [InlineData("null", false)]
    [InlineData("file://", false)]
    public void Only_http_and_https_origins_of_this_machine_count_as_loopback(string text, bool isLoopback) =>
        Origin.Parse(text)!.IsLoopback.Should().Be(isLoopback);
}
