using System.Net;
using Notifier.Configuration;
using Notifier.Redis.Address;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// Parses <c>Redis:Configuration</c>, a URL or StackExchange.Redis' own format. An error text quotes only names of known options, because the parts of a password with a comma look like hosts and
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

    private const string NotShown = "(The value is not shown, because it may contain a password.)";

    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);

    /// <param name="text">A URL, or a list of hosts and options.</param>
    /// <param name="setting">Where the text comes from, for error texts.</param>
    /// <exception cref="StartupException">The text is invalid.</exception>
    public static ConfigurationOptions Parse(string text, string setting = "Redis:Configuration")
    {
        if (text.Trim(' ', '\t', '\r', '\n') is ['"' or '\'', .. var quoted] && RedisUrl.IsUrl(quoted))
            throw new StartupException($"{setting} begins with a quotation mark. Remove the quotation marks: a file of environment variables is not a shell script. {NotShown}");
        var options = RedisUrl.IsUrl(text.Trim()) ? ReadUrl(text.Trim(), setting) : ReadList(text, setting);
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
    /// The hosts of a URL, or those before the first option of a list. Behind an option, a part of a password with a comma looks like a host.
    /// </summary>
    public static HashSet<string> HostsIn(string text)
    {
        if (RedisUrl.IsUrl(text.Trim()))
            return [.. Parse(text).EndPoints.Select(HostOf)];
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

    private static ConfigurationOptions ReadUrl(string text, string setting)
    {
        var options = ConfigurationOptions.Parse(Defaults);
        try
        {
            RedisUrl.Apply(text, options);
            return options;
        }
        catch (InvalidUrlException error)
        {
            throw new StartupException($"{setting} is not a valid URL of a Redis: {error.Message}. {NotShown}");
        }
    }

    private static ConfigurationOptions ReadList(string text, string setting)
    {
        var options = ParseList(text, setting);
        var first = text.Split(',')[0];
        if (!first.StartsWith('!') && !first.Contains('=') && first.AsSpan().ContainsAny("@/"))
            throw Wrong(setting, $"it looks like a URL without its scheme. Begin it with redis://, or with rediss:// for TLS; or write it as a list, {Example}");
        if (options.EndPoints.Count == 0)
            throw Wrong(setting, $"it has no host. Begin with a host, {Example}");
        if (!options.ChannelPrefix.IsNullOrEmpty)
            throw Wrong(setting, "use Redis:ChannelPrefix instead of its option channelPrefix");
        return options;
    }

    private static ConfigurationOptions ParseList(string text, string setting)
    {
        try
        {
            return ConfigurationOptions.Parse(Defaults + text);
        }
        // "Keyword 'ssl' requires a boolean value; the value '…' is not recognised." Thrown only for options that the library knows.
        catch (ArgumentOutOfRangeException error) when (error.Message.StartsWith("Keyword '", StringComparison.Ordinal))
        {
            throw Wrong(setting, $"{error.Message.Split(';')[0].Replace("Keyword", "its option", StringComparison.Ordinal)}");
        }
        catch (ArgumentOutOfRangeException error) when (error.ParamName == "port")
        {
            throw Wrong(setting, "a port is not a number from 1 to 65535");
        }
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            throw Wrong(
                setting, "StackExchange.Redis does not know one of its options (a password must not contain a comma; in a URL, write it as %2C). "
                + $"Write it as a list, {Example}");
        }
    }

    private static StartupException Wrong(string setting, string what) =>
        new($"{setting} is not a StackExchange.Redis connection string: {what}. {NotShown}");
}
