using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;

namespace Notifier.Access.Origins;

/// <summary>
/// Makes ASP.NET Core's middleware trust only the configured proxies. Its own default also trusts this machine, and
/// ASPNETCORE_FORWARDEDHEADERS_ENABLED makes it trust every client.
/// </summary>
internal sealed partial class KnownProxies(IOptions<ProxyOptions> proxies, ILogger<KnownProxies> logger)
    : IPostConfigureOptions<ForwardedHeadersOptions>
{
    public void PostConfigure(string? name, ForwardedHeadersOptions options)
    {
        if (!proxies.Value.IsConfigured && options.ForwardedHeaders != ForwardedHeaders.None)
            Log.EnvironmentIgnored(logger);
        options.ForwardedHeaders = proxies.Value.IsConfigured
            ? ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost
            : ForwardedHeaders.None;
        options.ForwardLimit = null;    // any number of proxies in a row, each of them known
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var address in proxies.Value.KnownProxies)
            options.KnownProxies.Add(ParseAddress(address)!);
        foreach (var network in proxies.Value.KnownNetworks)
            options.KnownIPNetworks.Add(ParseNetwork(network)!.Value);
    }

    /// <returns>Null if the text is not an address. (.NET would read 10.1 as 10.0.0.1.)</returns>
    public static IPAddress? ParseAddress(string text) =>
        IPAddress.TryParse(text, out var address)
        && (address.AddressFamily == AddressFamily.InterNetworkV6 || address.ToString() == text)
            ? address
            : null;

    /// <returns>Null if the text is not a network. (.NET would read 172.16/12 as 172.0.0.0/12.)</returns>
    public static System.Net.IPNetwork? ParseNetwork(string text) =>
        System.Net.IPNetwork.TryParse(text, out var network) && ParseAddress(text.Split('/')[0]) is not null ? network : null;

    private static partial class Log
    {
        [LoggerMessage(2, LogLevel.Warning, "ASPNETCORE_FORWARDEDHEADERS_ENABLED is ignored, because it trusts the headers of every client. "
            + "Set ForwardedHeaders:KnownProxies or ForwardedHeaders:KnownNetworks.")]
        public static partial void EnvironmentIgnored(ILogger logger);
    }
}
