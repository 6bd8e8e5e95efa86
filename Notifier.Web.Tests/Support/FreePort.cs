using System.Net;
using System.Net.Sockets;

namespace Notifier.Tests.Support;

/// <summary>
/// Ports for servers that are told theirs, that start a little later, or that are stopped and come back at the same one. They lie below those that
/// Linux gives to whoever asks for any (ip_local_port_range), so that no connection and no other server takes one meanwhile; and none is given twice.
/// </summary>
internal static class FreePort
{
    private const int First = 12_000;
    private const int Count = 20_000;

    /// <summary>Another process that runs these tests at the same time begins elsewhere.</summary>
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
