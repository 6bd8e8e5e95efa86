using System.Net;
using StackExchange.Redis;

namespace Notifier.Redis.Topology;

/// <summary>Options for a connection to one of several servers. With the original options, the library finds the others and decides which to use.</summary>
internal static class SingleServerOptions
{
    /// <summary>The commands by which the library finds other servers and this one's role. Notifier uses this server whatever its role is.</summary>
    private const string DisabledCommands = ",$CLUSTER=,$INFO=,$ROLE=,$CONFIG=,$GET=,$SET=";

    /// <summary>For a connection that knows no other server.</summary>
    public static ConfigurationOptions For(ConfigurationOptions options, EndPoint server)
    {
        var alone = At(options, server);
        // A user or a service of a URL may have a comma, which would end an option in the text.
        var commands = options.Clone();
        commands.EndPoints.Clear();
        (commands.User, commands.ServiceName, commands.ClientName, commands.SslHost) = (null, null, null, null);
        alone.CommandMap = ConfigurationOptions.Parse(commands.ToString(includePassword: false) + DisabledCommands).CommandMap;
        return alone;
    }

    /// <summary>For a connection that may use all commands.</summary>
    public static ConfigurationOptions At(ConfigurationOptions options, EndPoint server)
    {
        var one = options.Clone();
        one.ServiceName = null;
        one.EndPoints.Clear();
        one.EndPoints.Add(server);
        // Servers are compared by the name that the Cluster or the Sentinels use, which an address would replace.
        one.ResolveDns = false;
        // A server may be known by its address, but certificates are for host names: use the host of the connection string.
        if (server is not DnsEndPoint)
            one.SslHost ??= options.Defaults.GetSslHostFromEndpoints(options.EndPoints);
        return one;
    }
}
