using Microsoft.Extensions.Options;

namespace Notifier.Access;

/// <summary>Stops the process when a proxy has no address that could be.</summary>
internal sealed class ProxyValidator(IConfiguration configuration) : IValidateOptions<ProxyOptions>
{
    public ValidateOptionsResult Validate(string? name, ProxyOptions options)
    {
        var errors = new OptionErrors()
            .List(configuration, "ForwardedHeaders:KnownProxies")
            .List(configuration, "ForwardedHeaders:KnownNetworks");
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
