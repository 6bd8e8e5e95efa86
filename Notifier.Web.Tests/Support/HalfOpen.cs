using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Notifier.Tests.Support;

/// <summary>
/// Makes this end of a TCP connection as dead as a machine without power. A packet filter on the socket (socket(7), SO_ATTACH_FILTER) drops
/// all packets before TCP sees them, so this end acknowledges nothing and the peer is not notified.
/// </summary>
internal static class HalfOpen
{
    private const int SolSocket = 1;
    private const int SoAttachFilter = 26;
    private const int IpProtoTcp = 6;
    private const int TcpQuickAck = 12;

    /// <summary>BPF_RET | BPF_K, 0: keep no byte.</summary>
    private static readonly byte[] DropAll = [0x06, 0, 0, 0, 0, 0, 0, 0];

    public static void Make(Socket socket)
    {
        // Acknowledges the received bytes now. A delayed ACK (40 ms) would arrive from the dead end, many seconds later by a test's clock
        // (tcp(7)).
        socket.SetRawSocketOption(IpProtoTcp, TcpQuickAck, BitConverter.GetBytes(1));
        var filter = GCHandle.Alloc(DropAll, GCHandleType.Pinned);
        try
        {
            Span<byte> program = stackalloc byte[16];   // struct sock_fprog: the count, and a pointer, aligned
            BitConverter.TryWriteBytes(program, (ushort)1);
            BitConverter.TryWriteBytes(program[8..], filter.AddrOfPinnedObject());
            socket.SetRawSocketOption(SolSocket, SoAttachFilter, program);
        }
        finally
        {
            filter.Free();
        }
    }
}
