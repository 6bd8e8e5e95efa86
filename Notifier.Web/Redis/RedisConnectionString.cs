using System.Net;
using System.Net.Sockets;
using Notifier.Configuration;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// Reads <c>Redis:Configuration</c>. What is wrong with it is said without any piece of it but the names of options: a
/// password with a comma in it falls apart, and its pieces look like hosts and options.
/// </summary>
internal static class RedisConnectionString
{
    /// <summary>
    /// What a connection string may override, chosen from measurements: delivery is back 0.04 s after Redis accepts, and a
    /// half-open connection is noticed in 10 s instead of 65.
    /// </summary>
    private const string Defaults = "connectTimeout=2000,syncTimeout=2000,asyncTimeout=2000,keepAlive=5,";

    private const string Example = "for example localhost:6379,user=...,password=...,ssl=true";

    private static readonly TimeSpan RetryEvery = TimeSpan.FromMilliseconds(100);

    /// <exception cref="StartupException">It is none.</exception>
    public static ConfigurationOptions Parse(string text)
    {
        var options = Read(text);
        if (options.EndPoints.Count == 0)
            throw Wrong($"it names no host. Begin it with one, {Example}");
        if (options.EndPoints.OfType<DnsEndPoint>().Any(host => host.Host.AsSpan().ContainsAny("@/")))
            throw Wrong($"it looks like a URL. Write it as a list, {Example}");
        if (!options.ChannelPrefix.IsNullOrEmpty)
            throw Wrong("use Redis:ChannelPrefix instead of its option channelPrefix");

        // Redis may come later: the connection heals, the process does not end.
        options.AbortOnConnectFail = false;
        // Anybody who may publish could make every client of the library reconfigure itself through this channel.
        options.ConfigurationChannel = "";
        options.HeartbeatInterval = RetryEvery;
        options.ReconnectRetryPolicy = new LinearRetry((int)RetryEvery.TotalMilliseconds);
        // Two connections: when Redis drops a subscriber that reads too slowly, commands survive.
        options.Protocol = RedisProtocol.Resp2;
        options.ClientName ??= "notifier";
        options.IncludeDetailInExceptions = false;
        return options;
    }

    /// <summary>
    /// What <c>redis-cli</c> needs to reach the same Redis, each followed by a space; a password it asks for. Null behind Sentinels: the primary is
    /// now this one, now that.
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

    private static ConfigurationOptions Read(string text)
    {
        try
        {
            return ConfigurationOptions.Parse(Defaults + text);
        }
        // "Keyword 'ssl' requires a boolean value; the value '…' is not recognised." Only of options it knows.
        catch (ArgumentOutOfRangeException error) when (error.Message.StartsWith("Keyword '", StringComparison.Ordinal))
        {
            throw Wrong($"{error.Message.Split(';')[0].Replace("Keyword", "its option", StringComparison.Ordinal)}");
        }
        catch (ArgumentOutOfRangeException error) when (error.ParamName == "port")
        {
            throw Wrong("a port in it is none; 1 to 65535 is allowed");
        }
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            throw Wrong(
                $"an option in it is none of StackExchange.Redis (a password cannot have a comma in it). Write it as a list, {Example}");
        }
    }

    private static StartupException Wrong(string what) =>
        new($"Redis:Configuration is no StackExchange.Redis connection string: {what}. "
            + "(Its value is not shown, for it may hold a password.)");
}
