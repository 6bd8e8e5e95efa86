using System.Net;
using System.Net.Sockets;

namespace Notifier.Connections;

/// <summary>
/// The unit of limits per address: an IPv4 address, or the /64 of an IPv6 address, because a provider assigns at least that to each customer
/// (RFC 6177). The default value is an unknown address, which is not counted.
/// </summary>
internal readonly record struct ClientAddress
{
    private readonly ulong bits;
    private readonly AddressFamily family;

    private ClientAddress(AddressFamily family, ulong bits)
    {
        this.family = family;
        this.bits = bits;
    }

    public bool IsUnknown => family == AddressFamily.Unspecified;

    public static ClientAddress From(IPAddress address)
    {
        // A dual-stack socket reports the address of an IPv4 client as IPv4 mapped to IPv6.
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var length);
        return new(address.AddressFamily, length == 4
            ? System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes)
            : System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(bytes));
    }
}
