using System.Net;
using System.Net.Sockets;
using Notifier.Configuration;

namespace Notifier.Connections;

/// <summary>
/// The unit of limits per address: an IPv4 address, or the /64 of an IPv6 address, because a provider assigns at least that to each customer
/// (RFC 6177). The default value is an unknown address, which is not counted.
/// </summary>
internal readonly record struct ClientAddress
{
    private readonly ulong bits;
    private readonly AddressFamily family;

    private ClientAddress(AddressFamily family, ulong bits, bool mayBeProxy)
    {
        this.family = family;
        this.bits = bits;
        MayBeProxy = mayBeProxy;
    }

    /// <summary>The same text for the same address.</summary>
    public override string ToString() => IsUnknown ? "" : $"{(family == AddressFamily.InterNetwork ? 4 : 6)}-{bits:x}";

    public bool IsUnknown => family == AddressFamily.Unspecified;

    /// <summary>Whether it may be the address of a proxy, and all clients share it: no proxies are configured (<c>ForwardedHeaders</c>).</summary>
    public bool MayBeProxy { get; }

    /// <summary>How much of a resource of the node the address may use: its <see cref="FairShare"/>, but all of it if the address is unknown.</summary>
    public int ShareOf(int total) => IsUnknown ? total : (int)FairShare.Of(total, isOneVisitor: !MayBeProxy);

    /// <param name="address">The address from which the connection, or according to a known proxy the request, came.</param>
    /// <param name="mayBeProxy">See <see cref="MayBeProxy"/>.</param>
    public static ClientAddress From(IPAddress address, bool mayBeProxy = false)
    {
        // A dual-stack socket reports the address of an IPv4 client as IPv4 mapped to IPv6.
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var length);
        return new(address.AddressFamily, length == 4
            ? System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(bytes), mayBeProxy);
    }
}
