using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Access.Origins;

/// <summary>
/// <c>ForwardedHeaders</c>: the proxies in front of this server. Notifier trusts their <c>X-Forwarded-For</c>, <c>-Proto</c> and
/// <c>-Host</c>, and ignores these headers from others, because any client can send them.
/// </summary>
public sealed class ProxyOptions
{
    /// <summary>Addresses of proxies, such as <c>10.0.0.5</c> or <c>fd00::5</c>. Anything else stops the process. Default none.</summary>
    public string[] KnownProxies { get; set; } = [];

    /// <summary>
    /// Networks from which only proxies can reach this server, such as <c>10.0.0.0/8</c> or <c>fd00::/8</c>. Anything else stops the
    /// process. Default none.
    /// </summary>
    public string[] KnownNetworks { get; set; } = [];

    /// <summary>Whether a request's address is the client's own. If not, it may be that of a proxy that thousands of clients share.</summary>
    public bool IsConfigured => KnownProxies.Length > 0 || KnownNetworks.Length > 0;
}

/// <summary>Stops the process if an entry is not a valid address or network.</summary>
internal sealed class ProxyValidator(IConfiguration configuration) : IValidateOptions<ProxyOptions>
{
    public ValidateOptionsResult Validate(string? name, ProxyOptions options)
    {
        var errors = new OptionErrors()
            .RequireList(configuration, "ForwardedHeaders:KnownProxies")
            .RequireList(configuration, "ForwardedHeaders:KnownNetworks");
        for (var i = 0; i < options.KnownProxies.Length; i++)
        {
            errors.Must(
                KnownProxies.ParseAddress(options.KnownProxies[i]) is not null,
                $"ForwardedHeaders:KnownProxies:{i} is \"{options.KnownProxies[i]}\"; an IP address such as 10.0.0.5 or fd00::5 is allowed"
                + " (a network belongs into ForwardedHeaders:KnownNetworks).");
        }
        for (var i = 0; i < options.KnownNetworks.Length; i++)
        {
            errors.Must(
                KnownProxies.ParseNetwork(options.KnownNetworks[i]) is not null,
                $"ForwardedHeaders:KnownNetworks:{i} is \"{options.KnownNetworks[i]}\"; a network such as 10.0.0.0/8 or fd00::/8"
                + " is allowed.");
        }
        return errors.ToResult();
    }
}
