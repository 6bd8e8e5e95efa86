using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using StackExchange.Redis;

namespace Notifier.Redis.Address;

/// <summary>A URL is invalid. The message says which part, and what to write instead. It never quotes a part that may be a password.</summary>
internal sealed class InvalidUrlException(string message) : Exception(message);

/// <summary>
/// Parses the URLs that hosting providers hand out: <c>rediss://user:password@host:6380/0?option=value</c>, as the IANA registrations of <c>redis</c> and
/// <c>rediss</c> describe them. In addition: several hosts, Sentinels, and sockets of Unix. Other clients disagree about the rest of the syntax, so whatever
/// they read in different ways is an error here.
/// </summary>
internal static class RedisUrl
{
    private const int ServerPort = 6379;
    private const int SentinelPort = 26379;

    /// <summary>An error text suggests these; other spellings of them are accepted.</summary>
    private const string KnownSchemes = "redis://, rediss:// (TLS), redis+sentinel://, rediss+sentinel:// or unix://";

    private static readonly Dictionary<string, (UrlTarget Target, bool IsEncrypted)> Schemes = new(StringComparer.OrdinalIgnoreCase)
    {
        ["redis"] = (UrlTarget.Servers, false),
        ["rediss"] = (UrlTarget.Servers, true),
        ["valkey"] = (UrlTarget.Servers, false),
        ["valkeys"] = (UrlTarget.Servers, true),
        ["redis+sentinel"] = (UrlTarget.Sentinels, false),
        ["rediss+sentinel"] = (UrlTarget.Sentinels, true),
        ["redis-sentinel"] = (UrlTarget.Sentinels, false),
        ["rediss-sentinel"] = (UrlTarget.Sentinels, true),
        ["unix"] = (UrlTarget.Socket, false),
        ["redis+unix"] = (UrlTarget.Socket, false),
        ["redis-socket"] = (UrlTarget.Socket, false),
    };

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private enum UrlTarget
    {
        Servers,
        Sentinels,
        Socket,
    }

    /// <summary>Whether the text begins with a scheme. A StackExchange.Redis connection string never does.</summary>
    public static bool IsUrl(string text) => text.IndexOf("://", StringComparison.Ordinal) is > 0 and var end
        && text.Take(end).All(static c => char.IsAsciiLetterOrDigit(c) || c is '+' or '-' or '.');

    /// <param name="text">The URL.</param>
    /// <param name="options">With all defaults. Receives what the URL says.</param>
    /// <exception cref="InvalidUrlException">The URL is invalid.</exception>
    public static void Apply(string text, ConfigurationOptions options)
    {
        var scheme = text[..text.IndexOf("://", StringComparison.Ordinal)];
        var (target, isEncrypted) = TargetOf(scheme);
        var (authority, path, query) = Split(text[(scheme.Length + 3)..]);
        var given = UrlOptions.Parse(query);
        var at = authority.LastIndexOf('@');
        var (user, password) = CredentialsIn(at < 0 ? "" : authority[..at]);
        var hosts = authority[(at + 1)..];

        options.User = UrlOptions.Only("the user", user, given.Take("username", "user"));
        options.Password = UrlOptions.Only("the password", password, given.Take("password"));
        if (options.User is not null && options.Password is null)
            throw new InvalidUrlException("it has a user but no password. Write user:password@ before the host");
        switch (target)
        {
            case UrlTarget.Socket:
                options.EndPoints.Add(SocketAt(hosts, path));
                path = "";
                break;
            case UrlTarget.Servers:
                AddHosts(options.EndPoints, hosts, given.Addresses, ServerPort);
                break;
            default:
                AddHosts(options.EndPoints, hosts, given.Addresses, SentinelPort);
                (options.ServiceName, path) = PrimaryIn(path, given);
                break;
        }
        options.DefaultDatabase = DatabaseIn(path, given);
        given.ApplyTo(options, isEncrypted, mayBeEncrypted: target != UrlTarget.Socket);
    }

    private static (UrlTarget Target, bool IsEncrypted) TargetOf(string scheme)
    {
        if (Schemes.TryGetValue(scheme, out var known))
            return known;
        throw new InvalidUrlException(scheme.StartsWith("http", StringComparison.OrdinalIgnoreCase)
            ? "it is an address for HTTP. Use the provider's address for Redis clients, such as rediss://default:password@host:6379"
            : $"its scheme is unknown. Begin it with {KnownSchemes}");
    }

    /// <summary>A raw <c>/</c>, <c>?</c> or <c>#</c> in a password would end the authority, and a part of the password would become a host in the log.</summary>
    private static (string Authority, string Path, string Query) Split(string rest)
    {
        if (rest.AsSpan().IndexOfAnyInRange('\0', ' ') >= 0)
            throw new InvalidUrlException("it contains a space or a control character. Write a space as %20");
        var end = rest.IndexOfAny(['/', '?', '#']);
        var (authority, tail) = end < 0 ? (rest, "") : (rest[..end], rest[end..]);
        if (tail.Contains('@', StringComparison.Ordinal))
            throw new InvalidUrlException(
                "an @ follows the first /, ? or #. In the user, the password and the options write / as %2F, ? as %3F, # as %23 and @ as %40");
        if (tail.EndsWith("#insecure", StringComparison.OrdinalIgnoreCase))
            throw UrlOptions.Unverified("#insecure");
        if (tail.Contains('#', StringComparison.Ordinal))
            throw new InvalidUrlException("it contains a #. Write # as %23");
        var mark = tail.IndexOf('?', StringComparison.Ordinal);
        return mark < 0 ? (authority, tail, "") : (authority, tail[..mark], tail[(mark + 1)..]);
    }

    private static (string? User, string? Password) CredentialsIn(string text)
    {
        if (text is "" or ":")
            return (null, null);
        if (text.Contains('@', StringComparison.Ordinal) && text.Contains(',', StringComparison.Ordinal))
            throw new InvalidUrlException("it has several @. Write the user and the password only before the first host; in them write @ as %40 and , as %2C");
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
            throw new InvalidUrlException("the part before the @ has no colon, so it may be a user or a password. Write user:password@ or :password@");
        var (user, password) = (Decode(text[..colon], "the user"), Decode(text[(colon + 1)..], "the password"));
        return (user.Length == 0 ? null : user, password.Length == 0 ? null : password);
    }

    private static void AddHosts(EndPointCollection endpoints, string hosts, IEnumerable<string> more, int port)
    {
        if (hosts.Length == 0 && port == ServerPort)
            hosts = "localhost";
        foreach (var host in hosts.Split(',').Concat(more))
            endpoints.Add(HostAt(host, port));
    }

    private static EndPoint HostAt(string text, int port)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var (host, behind) = text.StartsWith('[') ? BracketsIn(text) : colon < 0 ? (text, "") : (text[..colon], text[colon..]);
        if (behind.StartsWith(':') && behind.LastIndexOf(':') > 0)
            throw new InvalidUrlException("a host has several colons. Write an IPv6 address in brackets, such as [::1]:6379");
        if (behind.Length > 0 && (!behind.StartsWith(':') || NumberIn(behind[1..], ushort.MaxValue) is not > 0))
            throw new InvalidUrlException("a port is not a number from 1 to 65535. If the password contains / or :, write / as %2F and : as %3A");
        if (behind.Length > 0)
            port = NumberIn(behind[1..], ushort.MaxValue)!.Value;
        if (host.Length == 0)
            throw new InvalidUrlException("a host is missing. Write host:port, and a comma between several hosts");
        if (text.StartsWith('['))
            return IPAddress.TryParse(host, out var six) && six.AddressFamily == AddressFamily.InterNetworkV6
                ? new IPEndPoint(six, port)
                : throw new InvalidUrlException("the text in brackets is not an IPv6 address. Write it such as [::1]:6379");
        if (!host.All(static c => char.IsLetterOrDigit(c) || c is '-' or '.' or '_'))
            throw new InvalidUrlException("a host contains a character that no host name has. Write the user and the password before an @: user:password@host:port");
        return host.Count(static c => c == '.') == 3 && IPAddress.TryParse(host, out var four) ? new IPEndPoint(four, port) : new DnsEndPoint(host, port);
    }

    private static (string Host, string Behind) BracketsIn(string text)
    {
        var end = text.IndexOf(']', StringComparison.Ordinal);
        return end < 0
            ? throw new InvalidUrlException("a [ has no ]. Write an IPv6 address such as [::1]:6379")
            : (Decode(text[1..end], "the host"), text[(end + 1)..]);
    }

    private static UnixDomainSocketEndPoint SocketAt(string hosts, string path)
    {
        if (hosts.Length > 0 || path is "" or "/")
            throw new InvalidUrlException("the path of the socket is missing. Write it with three slashes, such as unix:///run/redis/redis.sock");
        try
        {
            return new UnixDomainSocketEndPoint(Decode(path, "the path"));
        }
        catch (ArgumentOutOfRangeException)
        {
            throw new InvalidUrlException("the path of the socket is too long for a socket of Unix. Use one of at most 107 bytes");
        }
    }

    /// <summary>The name is an option, or the first part of the path (as in Prefect and LangChain); a number there is a database (as in Lettuce).</summary>
    private static (string Name, string Path) PrimaryIn(string path, UrlOptions given)
    {
        var named = given.Take("sentinel_master_name", "master_name", "sentinelMasterId", "serviceName");
        var parts = path.Split('/');
        if (parts is [_, { Length: > 0 } first, ..] && NumberIn(first, int.MaxValue) is null)
        {
            named = UrlOptions.Only("the name of the primary", Decode(first, "the path"), named);
            path = parts.Length > 2 ? $"/{string.Join('/', parts[2..])}" : "";
        }
        return named is { Length: > 0 }
            ? (named, path)
            : throw new InvalidUrlException("the name of the primary, as the Sentinels know it, is missing. Add ?sentinel_master_name=mymaster");
    }

    private static int? DatabaseIn(string path, UrlOptions given)
    {
        var text = UrlOptions.Only("the database", path is "" or "/" ? null : path[1..], given.Take("db", "database"));
        return text is null ? null : NumberIn(text, int.MaxValue)
            ?? throw new InvalidUrlException("the path is not the number of a database. Write /0 behind the host, or nothing");
    }

    /// <returns>The number; null if the text is not one, or a larger one.</returns>
    internal static int? NumberIn(string text, int max) =>
        text is { Length: > 0 and < 10 } && text.All(char.IsAsciiDigit) && int.Parse(text, CultureInfo.InvariantCulture) is var number && number <= max
            ? number
            : null;

    /// <summary>Percent-decoding. A plus sign is a plus sign.</summary>
    /// <param name="text">Encoded.</param>
    /// <param name="part">Its name in an error text.</param>
    internal static string Decode(string text, string part)
    {
        for (var i = text.IndexOf('%', StringComparison.Ordinal); i >= 0; i = text.IndexOf('%', i + 1))
        {
            if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2]))
                throw new InvalidUrlException($"in {part} a % is not followed by two hexadecimal digits. Write % as %25");
        }
        try
        {
            var encoded = Encoding.UTF8.GetBytes(text.Replace("+", "%2B", StringComparison.Ordinal));
            return Strict.GetString(WebUtility.UrlDecodeToBytes(encoded, 0, encoded.Length)!);
        }
        catch (DecoderFallbackException)
        {
            throw new InvalidUrlException($"{part} is not text in UTF-8 once it is percent-decoded");
        }
    }
}
