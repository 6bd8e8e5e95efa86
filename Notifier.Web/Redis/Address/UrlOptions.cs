using System.Globalization;
using StackExchange.Redis;

namespace Notifier.Redis.Address;

/// <summary>
/// The options of a URL (<c>?name=value&amp;…</c>), under the names that other clients have for them. Each is used once. An option that is left over is an
/// error, because the operator may rely on it.
/// </summary>
internal sealed class UrlOptions
{
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromHours(1);

    /// <summary>Options that turn off a check of the server's certificate, and the values that leave it on.</summary>
    private static readonly (string Name, string[] Safe)[] Verification =
    [
        ("ssl_cert_reqs", ["required", "CERT_REQUIRED"]), ("ssl_check_hostname", ["true", "1"]), ("verifyPeer", ["FULL", "true"]),
        ("skip_verify", ["false", "0"]), ("rejectUnauthorized", ["true", "1"]), ("ssl_verify", ["true", "1"]),
    ];

    /// <summary>Options whose values are files and names of the machine, and the settings for them.</summary>
    private static readonly (string Name, string Setting)[] Files =
    [
        ("ssl_ca_certs", "Redis:CaFile"), ("ssl_ca_path", "Redis:CaFile"), ("ssl_certfile", "Redis:ClientCertificateFile"),
        ("ssl_keyfile", "Redis:ClientKeyFile"), ("sslHost", "Redis:TlsServerName"),
    ];

    /// <summary>A plain number is a number of these in the clients that have the option; null if clients disagree.</summary>
    private static readonly (string Name, TimeSpan? Unit)[] ConnectTimeouts =
    [
        ("connect_timeout", TimeSpan.FromSeconds(1)), ("socket_connect_timeout", TimeSpan.FromSeconds(1)), ("dial_timeout", TimeSpan.FromSeconds(1)),
        ("connectTimeout", TimeSpan.FromMilliseconds(1)),
    ];

    private static readonly (string Name, TimeSpan? Unit)[] AnswerTimeouts =
    [
        ("timeout", null), ("socket_timeout", TimeSpan.FromSeconds(1)), ("read_timeout", TimeSpan.FromSeconds(1)), ("write_timeout", TimeSpan.FromSeconds(1)),
        ("commandTimeout", TimeSpan.FromMilliseconds(1)), ("syncTimeout", TimeSpan.FromMilliseconds(1)), ("asyncTimeout", TimeSpan.FromMilliseconds(1)),
    ];

    private readonly Dictionary<string, string> left = new(StringComparer.OrdinalIgnoreCase);
    private bool hasPassword;

    /// <summary>Further hosts, as go-redis and Centrifugo write them: <c>?addr=host2:6379&amp;addr=host3:6379</c>.</summary>
    public List<string> Addresses { get; } = [];

    public static UrlOptions Parse(string query)
    {
        var options = new UrlOptions();
        foreach (var part in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var name = RedisUrl.Decode(equals < 0 ? part : part[..equals], "an option");
            var value = equals < 0 ? "" : RedisUrl.Decode(part[(equals + 1)..], "an option");
            if (name == "addr")
                options.Addresses.Add(value);
            else if (!options.left.TryAdd(name, value))
                throw new InvalidUrlException("it has the same option twice");
        }
        options.hasPassword = options.left.ContainsKey("password");
        return options;
    }

    /// <returns>The value of the one option that the URL has, or null. Two different ones are an error.</returns>
    public string? Take(params ReadOnlySpan<string> names)
    {
        string? taken = null;
        foreach (var name in names)
        {
            if (left.Remove(name, out var value) && value.Length > 0)
                taken = Only($"the option {name}", taken, value);
        }
        return taken;
    }

    /// <summary>What two parts of the URL say; an error if that differs, because clients disagree about which of them wins.</summary>
    public static string? Only(string what, string? one, string? other) => one is null || other is null || one == other
        ? one ?? other
        : throw new InvalidUrlException($"it says {what} twice, and not the same. Remove one of the two");

    /// <summary>Uses all options that are left.</summary>
    public void ApplyTo(ConfigurationOptions options, bool isEncrypted, bool mayBeEncrypted)
    {
        options.Ssl = IsEncrypted(isEncrypted, mayBeEncrypted);
        CheckVerification();
        if (Take("client_name", "clientName", "name") is { } client)
            options.ClientName = client.All(static c => c is > ' ' and < '\x7F' and not ',')
                ? client
                : throw new InvalidUrlException("its option client_name contains a space, a comma, or a character that Redis does not allow there");
        // RESP2 is enough, and every Redis speaks it. The option says what a client may use, so it needs no error.
        if (Take("protocol") is not (null or "2" or "3" or "resp2" or "resp3"))
            throw new InvalidUrlException("its option protocol is neither 2 nor 3");
        foreach (var (name, unit) in ConnectTimeouts)
        {
            if (Take(name) is { } text)
                options.ConnectTimeout = Milliseconds(name, text, unit);
        }
        foreach (var (name, unit) in AnswerTimeouts)
        {
            if (Take(name) is { } text)
                options.SyncTimeout = options.AsyncTimeout = Milliseconds(name, text, unit);
        }
        RejectOthers();
    }

    /// <summary>The error for an option that would accept any certificate.</summary>
    /// <param name="option">The option, without its value.</param>
    public static InvalidUrlException Unverified(string option) => new(
        $"{option} would accept the certificate of any server, and Notifier always verifies it. Remove the option. If the server's authority is not "
        + "one of the machine's, set Redis:CaFile to the authority's certificate (PEM); if the certificate is for another host name, set Redis:TlsServerName");

    private bool IsEncrypted(bool isEncrypted, bool mayBeEncrypted) => Take("ssl", "tls")?.ToUpperInvariant() switch
    {
        null => isEncrypted,
        "TRUE" or "1" when mayBeEncrypted => true,
        "FALSE" or "0" when !isEncrypted => false,
        _ => throw new InvalidUrlException("its option ssl does not fit the scheme. Remove the option, and write rediss:// for TLS, or redis:// without it"),
    };

    private void CheckVerification()
    {
        foreach (var (name, safe) in Verification)
        {
            if (Take(name) is { } value && !safe.Contains(value, StringComparer.OrdinalIgnoreCase))
                throw Unverified($"its option {name}");
        }
        foreach (var (name, setting) in Files)
        {
            if (left.ContainsKey(name))
                throw new InvalidUrlException($"Notifier does not read its option {name}. Remove it, and set {setting} instead");
        }
        if (left.Keys.FirstOrDefault(static name => name.StartsWith("sentinel_", StringComparison.OrdinalIgnoreCase)) is "sentinel_username" or "sentinel_password")
            throw new InvalidUrlException("Notifier cannot use a separate password for Sentinels. Remove sentinel_username and sentinel_password; "
                + "Sentinels that require a password must have that of the servers");
    }

    private static int Milliseconds(string name, string text, TimeSpan? unit)
    {
        var (number, factor) = text switch
        {
            [.. var digits, 'm', 's'] => (digits, TimeSpan.FromMilliseconds(1)),
            [.. var digits, 's'] => (digits, TimeSpan.FromSeconds(1)),
            [.. var digits, 'm'] => (digits, TimeSpan.FromMinutes(1)),
            _ => (text, unit ?? throw new InvalidUrlException($"its option {name} has no unit, and clients disagree about it. Write {name}=5s or {name}=5000ms")),
        };
        return double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value)
            && value * factor.TotalMilliseconds is var milliseconds && milliseconds >= 1 && milliseconds <= LongestTimeout.TotalMilliseconds
                ? (int)milliseconds
                : throw new InvalidUrlException($"its option {name} is not a duration from 1ms to 60m, such as 500ms or 5s");
    }

    /// <summary>Behind an option with a password, a part of that password with an ampersand looks like an option.</summary>
    private void RejectOthers()
    {
        if (left.Count == 0)
            return;
        var name = left.Keys.First();
        throw new InvalidUrlException(hasPassword || name.Length > 40 || !name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.')
            ? "Notifier does not know one of its options. Remove the option; in a password write & as %26. docs/redis.md lists the options"
            : $"Notifier does not know its option {name}. Remove it; docs/redis.md lists the options");
    }
}
