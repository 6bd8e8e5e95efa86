namespace Notifier.Access;

/// <summary>
/// <c>ForwardedHeaders</c>: the proxies in front of this server, whose <c>X-Forwarded-For</c>, <c>-Proto</c> and <c>-Host</c> are
/// believed. Without any, these headers mean nothing: everybody can send them.
/// </summary>
public sealed class ProxyOptions
{
    /// <summary>Addresses of proxies, such as <c>10.0.0.5</c> or <c>fd00::5</c>. Anything else stops the process. Default none.</summary>
    public string[] KnownProxies { get; set; } = [];

    /// <summary>
    /// Networks in which nobody but proxies can reach this server, such as <c>10.0.0.0/8</c> or <c>fd00::/8</c>. Anything else stops
    /// the process. Default none.
    /// </summary>
    public string[] KnownNetworks { get; set; } = [];

    /// <summary>Whether the address of a request is the visitor's. If not, it may be a proxy's that thousands share.</summary>
    public bool IsConfigured => KnownProxies.Length > 0 || KnownNetworks.Length > 0;
}
