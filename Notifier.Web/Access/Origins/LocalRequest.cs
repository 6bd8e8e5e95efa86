using System.Net;

namespace Notifier.Access.Origins;

/// <summary>Whether a request comes from this machine. In Development, where everything is open, only such requests are served.</summary>
internal static class LocalRequest
{
    /// <summary>
    /// Not for requests through a tunnel or a proxy, which come from this machine too; nor from a page whose host name an attacker pointed to this machine (DNS
    /// rebinding). A proxy on this machine is no obstacle if it is listed in <c>ForwardedHeaders</c>: then the address and the host are the visitor's.
    /// </summary>
    public static bool IsLocal(this HttpRequest request) =>
        request.HttpContext.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address)
        && Origin.Parse("http", request.Headers.Host.ToString()) is { IsLoopback: true }
        && !request.Headers.Keys.Any(IsOfProxy);

    private static bool IsOfProxy(string header) =>
        header.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase)
        || header.Equals("Forwarded", StringComparison.OrdinalIgnoreCase)
        || header.Equals("X-Real-IP", StringComparison.OrdinalIgnoreCase);
}
