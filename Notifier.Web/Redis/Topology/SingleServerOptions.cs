using System.Net;
using StackExchange.Redis;

namespace Notifier.Redis.Topology;

/// <summary>How to connect to one of several servers. The library would look for the others, and decide by itself which to use.</summary>
internal static class SingleServerOptions
{
    /// <summary>By which the library learns of other servers, and of the role of this one: it is used whatever that is.</summary>
    private const string DisabledCommands = ",$CLUSTER=,$INFO=,$ROLE=,$CONFIG=,$GET=,$SET=";

    /// <summary>With no thought of the others.</summary>
    public static ConfigurationOptions For(ConfigurationOptions options, EndPoint server)
    {
        var alone = At(options, server);
        alone.CommandMap = ConfigurationOptions.Parse(options.ToString(includePassword: false) + DisabledCommands).CommandMap;
        return alone;
    }

    /// <summary>With all that it can be asked.</summary>
    public static ConfigurationOptions At(ConfigurationOptions options, EndPoint server)
    {
        var one = options.Clone();
        one.ServiceName = null;
        one.EndPoints.Clear();
        one.EndPoints.Add(server);
        // It is told apart from others by what it is called, which an address would replace.
        one.ResolveDns = false;
        // Servers may be called by address, certificates are for hosts: the library takes the one of the connection string.
        if (server is not DnsEndPoint)
            one.SslHost ??= options.Defaults.GetSslHostFromEndpoints(options.EndPoints);
        return one;
    }
}
