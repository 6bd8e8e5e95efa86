using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;

namespace Notifier.Access.Origins;

/// <summary>
/// Tells ASP.NET Core's middleware whom to believe: those configured and nobody else. That is not its own default, which
/// believes this machine, nor that of ASPNETCORE_FORWARDEDHEADERS_ENABLED, which believes everybody.
/// </summary>
internal sealed partial class KnownProxies(IOptions<ProxyOptions> proxies, ILogger<KnownProxies> logger)
    : IPostConfigureOptions<ForwardedHeadersOptions>
{
    public void PostConfigure(string? name, ForwardedHeadersOptions options)
    {
        if (!proxies.Value.IsConfigured && options.ForwardedHeaders != ForwardedHeaders.None)
            Log.EverybodyIsNot(logger);
        options.ForwardedHeaders = proxies.Value.IsConfigured
            ? ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost
            : ForwardedHeaders.None;
        options.ForwardLimit = null;    // every hop has to be known
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var address in proxies.Value.KnownProxies)
            options.KnownProxies.Add(ParseAddress(address)!);
        foreach (var network in proxies.Value.KnownNetworks)
            options.KnownIPNetworks.Add(ParseNetwork(network)!.Value);
    }

    /// <returns>Null when it is none. .NET takes 10.1 for 10.0.0.1.</returns>
    public static IPAddress? ParseAddress(string text) =>
        IPAddress.TryParse(text, out var address)
        && (address.AddressFamily == AddressFamily.InterNetworkV6 || address.ToString() == text)
            ? address
            : null;

    /// <returns>Null when it is none. .NET takes 172.16/12 for 172.0.0.0/12.</returns>
    public static System.Net.IPNetwork? ParseNetwork(string text) =>
        System.Net.IPNetwork.TryParse(text, out var network) && ParseAddress(text.Split('/')[0]) is not null ? network : null;

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "ASPNETCORE_FORWARDEDHEADERS_ENABLED would have believed everybody, and does nothing here. "
            + "Set ForwardedHeaders:KnownProxies or ForwardedHeaders:KnownNetworks.")]
        public static partial void EverybodyIsNot(ILogger logger);
    }
}
