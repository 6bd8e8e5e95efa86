using System.Globalization;

namespace Notifier.Operations;

/// <summary>
/// The kernel's queues of new TCP connections (Linux, tcp(7) and listen(2)). After a restart all clients connect at once; those that find a queue full wait a
/// second or longer until TCP tries again.
/// </summary>
/// <param name="Accept">net.core.somaxconn: connections that wait until Kestrel accepts them.</param>
/// <param name="Handshakes">net.ipv4.tcp_max_syn_backlog: TCP handshakes that have begun. Unlimited with SYN cookies.</param>
internal readonly record struct ListenQueues(int Accept, int Handshakes)
{
    /// <summary>The default of current kernels, which takes 10,000 clients that connect at once.</summary>
    public const int Enough = 4_096;

    /// <summary>Of this machine; null if they are unknown because the system is not Linux.</summary>
    public static ListenQueues? Current =>
        Read("/proc/sys/net/core/somaxconn") is { } accept && Read("/proc/sys/net/ipv4/tcp_max_syn_backlog") is { } handshakes
            ? new(accept, Read("/proc/sys/net/ipv4/tcp_syncookies") is > 0 ? int.MaxValue : handshakes)
            : null;

    /// <summary>Whether they are too short for a node of so many connections.</summary>
    public bool AreShort(int connections) => Math.Min(Accept, Handshakes) < Math.Min(connections, Enough);

    private static int? Read(string file)
    {
        try
        {
            return int.Parse(File.ReadAllText(file), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
