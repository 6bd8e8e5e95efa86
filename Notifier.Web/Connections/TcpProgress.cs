using System.Buffers.Binary;
using System.Net.Sockets;

namespace Notifier.Connections;

/// <summary>
/// How many bytes the peer's kernel has acknowledged: <c>tcpi_bytes_acked</c> of Linux' <c>TCP_INFO</c> (tcp(7),
/// linux/tcp.h), which does not count bytes in this machine's buffers. On other systems it is zero, and only bytes that a peer sends prove that
/// the peer is alive.
/// </summary>
internal readonly struct TcpProgress(Socket socket)
{
    private const int IpProtoTcp = 6;
    private const int TcpInfo = 11;
    private const int BytesAckedAt = 120;

    public long BytesAcknowledged
    {
        get
        {
            if (!OperatingSystem.IsLinux())
                return 0;
            try
            {
                Span<byte> info = stackalloc byte[BytesAckedAt + sizeof(long)];
                return socket.GetRawSocketOption(IpProtoTcp, TcpInfo, info) == info.Length
                    ? BinaryPrimitives.ReadInt64LittleEndian(info[BytesAckedAt..])
                    : 0;
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                return 0;   // closed meanwhile, or a Unix socket, which has no TCP_INFO
            }
        }
    }
}
