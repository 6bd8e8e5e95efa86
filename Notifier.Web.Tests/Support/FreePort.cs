using System.Net;
using System.Net.Sockets;

namespace Notifier.Tests.Support;

/// <summary>
/// Ports for servers that need a fixed port, start later, or restart on the same port. The ports are below the range that Linux assigns
/// automatically (ip_local_port_range), so no connection and no other server uses one meanwhile. Each port is used once.
/// </summary>
internal static class FreePort
{
    private const int First = 12_000;
    private const int Count = 20_000;

    /// <summary>Random, so that another process that runs these tests concurrently starts elsewhere.</summary>
    private static int next = Random.Shared.Next(Count);

    public static int Next()
    {
        while (true)
        {
            var port = First + (int)((uint)Interlocked.Increment(ref next) % Count);
            try
            {
                using var probe = new TcpListener(IPAddress.Loopback, port);
                probe.Start();
                return port;
            }
            catch (SocketException)
            {
            }
        }
    }
}
