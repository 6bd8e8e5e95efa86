using System.Net;
using System.Net.Sockets;
using Notifier.Names;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>The shell command that publishes a message on this node's Redis, for a person to try: with the host, the port, TLS and the prefix of channels.</summary>
internal static class RedisCommand
{
    /// <param name="location">The Redis. Its password is not part of the command: <c>redis-cli</c> asks for it.</param>
    /// <param name="names">Adds the prefix.</param>
    /// <param name="channel">The channel, as browsers know it.</param>
    /// <param name="payload">The payload, without quotes, backslashes, dollars and backticks.</param>
    /// <returns>The command, or null behind Sentinels: the primary changes.</returns>
    public static string? Publish(RedisLocation location, RedisNames names, string channel, string payload) =>
        Arguments(location.Options, location.Settings) is { } arguments
            ? $"redis-cli {arguments}publish {ForShell((string)names.ToRedis(Name.Channel(channel))!)} \"{payload}\""
            : null;

    /// <summary>
    /// The arguments with which <c>redis-cli</c> reaches the same Redis, each followed by a space. It asks for a password. The database is not among them,
    /// because Pub/Sub has none. Null if Sentinels name the primary, because it changes.
    /// </summary>
    public static string? Arguments(ConfigurationOptions options, RedisOptions redis)
    {
        if (options.ServiceName is not null)
            return null;
        var (host, port) = options.EndPoints[0] switch
        {
            DnsEndPoint dns => (dns.Host, dns.Port),
            IPEndPoint ip => (ip.Address.ToString(), ip.Port),
            UnixDomainSocketEndPoint path => ($"-s {ForShell($"{path}")}", 0),
            _ => ("", 0),
        };
        var arguments = host.StartsWith('-') ? $"{host} " : host is "localhost" or "127.0.0.1" or "" ? "" : $"-h {host} ";
        if (port is not 0 and not 6379)
            arguments += $"-p {port} ";
        if (options.Ssl)
            arguments += "--tls ";
        foreach (var (name, value) in new[]
        {
            ("--cacert", redis.CaFile), ("--cert", redis.ClientCertificateFile),
            ("--key", redis.ClientKeyFile.Length > 0 ? redis.ClientKeyFile : redis.ClientCertificateFile), ("--sni", redis.TlsServerName), ("--user", options.User),
        })
        {
            if (!string.IsNullOrEmpty(value))
                arguments += $"{name} {ForShell(value)} ";
        }
        if (!string.IsNullOrEmpty(options.Password))
            arguments += "--askpass ";
        return arguments;
    }

    private static string ForShell(string word) =>
        word.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or ':' or '/')
            ? word
            : $"'{word.Replace("'", @"'\''", StringComparison.Ordinal)}'";
}
