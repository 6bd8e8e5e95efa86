using System.Net;
using Notifier.Configuration;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>The Redis that this process uses.</summary>
/// <param name="options">How to connect. Never logged: they may contain a password.</param>
/// <param name="description">For the log.</param>
/// <param name="text">The connection string.</param>
internal sealed class RedisLocation(ConfigurationOptions options, string description, string text)
{
    /// <summary>The environment variable in which hosting providers hand out the URL of a Redis.</summary>
    private const string Variable = "REDIS_URL";

    private const string Key = "Redis:Configuration";

    private readonly HashSet<string> hosts = RedisConnectionString.HostsIn(text);

    public ConfigurationOptions Options => options;

    public string Description => description;

    /// <summary>The setting that has the connection string, for error texts.</summary>
    public string Setting { get; private init; } = Key;

    /// <summary>The settings for TLS, which a connection string cannot contain.</summary>
    public RedisOptions Settings { get; private init; } = new();

    /// <summary>Whether this Redis runs inside the process.</summary>
    public bool IsEmbedded { get; init; }

    /// <summary>The Redis of <c>Redis:Configuration</c>, else that of <c>REDIS_URL</c>; null if neither is set.</summary>
    /// <exception cref="StartupException">The connection string, or a setting for TLS, is invalid.</exception>
    public static RedisLocation? Configured(RedisOptions redis, IConfiguration configuration)
    {
        var url = configuration[Variable]?.Trim() is { Length: > 0 } variable ? variable : null;
        var (text, setting) = redis.Configuration.Length > 0 ? (redis.Configuration, Key) : (url, Variable);
        if (text is null)
            return null;
        var options = RedisConnectionString.Parse(text, setting);
        RedisTls.Apply(redis, options, setting);
        return new RedisLocation(options, $"see {setting}{(url is not null && setting == Key ? $" ({Variable} is not used)" : "")}", text) { Setting = setting, Settings = redis };
    }

    /// <summary>A server's host and port, for the log. What may be a part of a password is not shown.</summary>
    public string NameOf(EndPoint? server) => server switch
    {
        null => description,
        // Without the ports: a connection has a default port where the connection string has none.
        _ when options.EndPoints.Any(one => RedisConnectionString.HostOf(one) == RedisConnectionString.HostOf(server)) && !hosts.Contains(RedisConnectionString.HostOf(server)) =>
            $"a host behind an option in {Setting} (if the password contains a comma, write a URL)",
        DnsEndPoint dns => $"{dns.Host}:{dns.Port}",
        _ => $"{server}",
    };
}
