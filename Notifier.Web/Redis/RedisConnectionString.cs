using System.Net;
using System.Net.Sockets;
using Notifier.Configuration;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// Parses <c>Redis:Configuration</c>. An error text quotes only names of known options, because the parts of a password with a comma look like hosts and
/// options.
/// </summary>
internal static class RedisConnectionString
{
    /// <summary>
    /// Defaults that a connection string may override. Measured: delivery resumes 0.04 s after Redis accepts connections, and a half-open connection is
    /// noticed after 10 s instead of 65.
    /// </summary>
    private const string Defaults = "connectTimeout=2000,syncTimeout=2000,asyncTimeout=2000,keepAlive=5,";

    private const string Example = "for example localhost:6379,user=...,password=...,ssl=true";

    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);

    /// <exception cref="StartupException">The text is not a valid connection string.</exception>
    public static ConfigurationOptions Parse(string text)
    {
        var options = Read(text);
        if (options.EndPoints.Count == 0)
            throw Wrong($"it has no host. Begin with a host, {Example}");
        if (options.EndPoints.OfType<DnsEndPoint>().Any(host => host.Host.AsSpan().ContainsAny("@/")))
            throw Wrong($"it looks like a URL. Write it as a list, {Example}");
        if (!options.ChannelPrefix.IsNullOrEmpty)
            throw Wrong("use Redis:ChannelPrefix instead of its option channelPrefix");

        // Redis may start later: the connection recovers, and the process does not end.
        options.AbortOnConnectFail = false;
        // Any publisher could make every client of the library reconfigure itself through this channel.
        options.ConfigurationChannel = "";
        options.HeartbeatInterval = RetryInterval;
        options.ReconnectRetryPolicy = new LinearRetry((int)RetryInterval.TotalMilliseconds);
        // Two connections: when Redis disconnects a subscriber that reads too slowly, the connection for commands survives.
        options.Protocol = RedisProtocol.Resp2;
        options.ClientName ??= "notifier";
        options.IncludeDetailInExceptions = false;
        return options;
    }

    /// <summary>
    /// The arguments with which <c>redis-cli</c> reaches the same Redis, each followed by a space. It asks for a password. Null behind Sentinels, because the
    /// primary changes.
    /// </summary>
    public static string? CliArguments(ConfigurationOptions options)
    {
        if (options.ServiceName is not null)
            return null;
        var (host, port) = options.EndPoints[0] switch
        {
            DnsEndPoint dns => (dns.Host, dns.Port),
            IPEndPoint ip => (ip.Address.ToString(), ip.Port),
            UnixDomainSocketEndPoint path => ($"-s {path}", 0),
            _ => ("", 0),
        };
        var arguments = host.StartsWith('-') ? $"{host} " : host is "localhost" or "127.0.0.1" or "" ? "" : $"-h {host} ";
        if (port is not 0 and not 6379)
            arguments += $"-p {port} ";
        if (options.Ssl)
            arguments += "--tls ";
        if (!string.IsNullOrEmpty(options.User))
            arguments += $"--user {options.User} ";
        if (!string.IsNullOrEmpty(options.Password))
            arguments += "--askpass ";
        return arguments;
    }

    /// <summary>The hosts before the first option. Behind an option, a part of a password with a comma looks like a host.</summary>
    public static HashSet<string> HostsIn(string text)
    {
        var hosts = string.Join(',', text.Split(',').TakeWhile(static part => !part.Contains('=')));
        return hosts.Length == 0 ? [] : [.. ConfigurationOptions.Parse(hosts).EndPoints.Select(HostOf)];
    }

    /// <summary>The server without its port.</summary>
    public static string HostOf(EndPoint server) => server switch
    {
        DnsEndPoint dns => dns.Host,
        IPEndPoint ip => $"{ip.Address}",
        _ => $"{server}",
    };

    private static ConfigurationOptions Read(string text)
    {
        try
        {
            return ConfigurationOptions.Parse(Defaults + text);
        }
        // "Keyword 'ssl' requires a boolean value; the value '…' is not recognised." Thrown only for options that the library knows.
        catch (ArgumentOutOfRangeException error) when (error.Message.StartsWith("Keyword '", StringComparison.Ordinal))
        {
            throw Wrong($"{error.Message.Split(';')[0].Replace("Keyword", "its option", StringComparison.Ordinal)}");
        }
        catch (ArgumentOutOfRangeException error) when (error.ParamName == "port")
        {
            throw Wrong("a port is not a number from 1 to 65535");
        }
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            throw Wrong(
                $"StackExchange.Redis does not know one of its options (a password must not contain a comma). Write it as a list, {Example}");
        }
    }

    private static StartupException Wrong(string what) =>
        new($"Redis:Configuration is not a StackExchange.Redis connection string: {what}. "
            + "(The value is not shown, because it may contain a password.)");
}
