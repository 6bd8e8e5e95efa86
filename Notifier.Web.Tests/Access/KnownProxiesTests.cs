using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Notifier.Access.Origins;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Access;

public sealed class KnownProxiesTests : IDisposable
{
    private readonly LogCapture log = new();

    [Fact]
    public void Only_configured_proxies_and_networks_are_trusted_with_no_limit_on_hops()
    {
        var options = Apply(new() { KnownProxies = ["10.0.0.5", "fd00::5"], KnownNetworks = ["172.16.0.0/12"] }, new());

        options.ForwardedHeaders.Should().Be(
            ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost);
        options.KnownProxies.Select(address => address.ToString()).Should().Equal("10.0.0.5", "fd00::5");
        options.KnownIPNetworks.Select(network => network.ToString()).Should().Equal("172.16.0.0/12");
        options.ForwardLimit.Should().BeNull();
        log.Lines.Should().BeEmpty();
    }

    [Fact]
    public void No_proxy_is_trusted_unless_configured_and_a_warning_names_the_ignored_environment_variable()
    {
        var everybody = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor };

        Apply(new(), everybody).ForwardedHeaders.Should().Be(ForwardedHeaders.None);

        log.Lines.Should().ContainSingle(line => line.Level == LogLevel.Warning).Which.Text
            .Should().Contain("ASPNETCORE_FORWARDEDHEADERS_ENABLED").And.Contain("ForwardedHeaders:KnownProxies");
    }

    [Theory]
    [InlineData("10.0.0.5", "", true)]
    [InlineData("", "10.0.0.0/8", true)]
    [InlineData("", "", false)]
    public void Proxies_count_as_configured_when_an_address_or_a_network_is_set(string proxy, string network, bool areKnown) =>
        new ProxyOptions { KnownProxies = List(proxy), KnownNetworks = List(network) }.IsConfigured.Should().Be(areKnown);

    [Theory]
    [InlineData("10.0.0.5")]
    [InlineData("::1")]
    [InlineData("FD00::5")]
    [InlineData("::ffff:10.0.0.5")]
    public void An_ipv4_or_ipv6_address_is_a_valid_known_proxy(string address) => Failures(new() { KnownProxies = [address] }).Should().BeEmpty();

    [Theory]
    [InlineData("")]
    [InlineData("localhost")]
    [InlineData("10.1")]
    [InlineData("10")]
    [InlineData("010.0.0.1")]
    [InlineData("10.0.0.256")]
    [InlineData("10.0.0.0/8")]
    [InlineData("10.0.0.1:80")]
    public void An_invalid_proxy_address_is_reported_with_its_setting(string address) => Failures(new() { KnownProxies = ["::1", address] }).Should().Equal(
        $"ForwardedHeaders:KnownProxies:1 is \"{address}\"; an IP address such as 10.0.0.5 or fd00::5 is allowed "
        + "(a network belongs into ForwardedHeaders:KnownNetworks).");

    [Theory]
    [InlineData("10.0.0.0/8")]
    [InlineData("10.0.0.5/8")]
    [InlineData("10.0.0.5/32")]
    [InlineData("0.0.0.0/0")]
    [InlineData("fd00::/8")]
    public void A_network_with_a_prefix_length_is_a_valid_known_network(string network) => Failures(new() { KnownNetworks = [network] }).Should().BeEmpty();

    [Theory]
    [InlineData("")]
    [InlineData("10.0.0.5")]
    [InlineData("10.0.0.0/33")]
    [InlineData("10.0.0.0/-1")]
    [InlineData("10.0.0.0/255.0.0.0")]
    [InlineData("172.16/12")]
    [InlineData("localhost/8")]
    public void An_invalid_proxy_network_is_reported_with_its_setting(string network) => Failures(new() { KnownNetworks = [network] }).Should().Equal(
        $"ForwardedHeaders:KnownNetworks:0 is \"{network}\"; a network such as 10.0.0.0/8 or fd00::/8 is allowed.");

    public void Dispose() => log.Dispose();

    private ForwardedHeadersOptions Apply(ProxyOptions proxies, ForwardedHeadersOptions options)
    {
        new KnownProxies(Options.Create(proxies), LoggerFactory.Create(logging => logging.AddProvider(log)).CreateLogger<KnownProxies>())
            .PostConfigure(null, options);
        return options;
    }

    private static IEnumerable<string> Failures(ProxyOptions options) =>
        new ProxyValidator(new ConfigurationBuilder().Build()).Validate(null, options).Failures ?? [];

    private static string[] List(string entry) => entry.Length > 0 ? [entry] : [];
}
