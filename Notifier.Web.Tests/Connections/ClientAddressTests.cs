using System.Net;
using FluentAssertions;
using Notifier.Connections;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>The addresses that count as one client address.</summary>
public sealed class ClientAddressTests
{
    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("2001:db8::1", "2001:db8::ffff:1", true)]
    [InlineData("2001:db8::1", "2001:db8:0:0:ffff::", true)]
    [InlineData("2001:db8::1", "2001:db8:0:1::1", false)]
    [InlineData("::1", "0.0.0.0", false)]
    public void Addresses_count_as_one_client_if_equal_mapped_or_in_the_same_ipv6_64_network(string one, string other, bool same) =>
        (ClientAddress.From(IPAddress.Parse(one)) == ClientAddress.From(IPAddress.Parse(other))).Should().Be(same);

    [Fact]
    public void Only_a_missing_client_address_is_unknown()
    {
        default(ClientAddress).IsUnknown.Should().BeTrue();
        ClientAddress.From(IPAddress.Any).IsUnknown.Should().BeFalse();
        ClientAddress.From(IPAddress.IPv6Any).IsUnknown.Should().BeFalse();
    }
}
