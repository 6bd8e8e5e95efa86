using Microsoft.Extensions.Options;
using Notifier.Access.Callback;
using Notifier.Access.Origins;
using Notifier.Access.Tokens;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.Access;

/// <summary><c>Access</c>: who may connect, and what each caller may do.</summary>
public sealed class AccessOptions
{
    /// <summary>What callers without credentials may do.</summary>
    public AnonymousOptions Anonymous { get; set; } = new();

    /// <summary>
    /// Origins of pages (RFC 6454) that may connect, besides the server's own. Each is an origin (<c>https://app.example.com</c>,
    /// <c>capacitor://localhost</c>), all subdomains of a host (<c>https://*.example.com</c>), <c>null</c> (pages from disk, sandboxed
    /// frames), or <c>*</c> (all). Anything else stops the process. Default none; in Development all of this machine are allowed anyway.
    /// </summary>
    public string[] AllowedOrigins { get; set; } = [];

    /// <summary>Tokens that identify callers and grant names.</summary>
    public TokenOptions Tokens { get; set; } = new();

    /// <summary>The application's address for identifying callers.</summary>
    public CallbackOptions Callback { get; set; } = new();

    /// <summary>Backends that authenticate with an API key.</summary>
    public ApiKeyOptions[] ApiKeys { get; set; } = [];

    /// <summary>
    /// A port that the server listens on and visitors cannot reach. Requests on it need no API key to read the routes for operators. If it is set, the routes
    /// for operators and backends exist on this port only. 1 to 65,535; default none.
    /// </summary>
    public int? OperatorPort { get; set; }

    /// <summary>
    /// Host names under which <see cref="OperatorPort"/> is reached, such as <c>notifier.example.internal</c>, without a port. IP addresses, localhost and
    /// names without a dot need no entry. Default none.
    /// </summary>
    public string[] OperatorHosts { get; set; } = [];
}

/// <summary>
/// <c>Access:Anonymous</c>. If a list is not set, everything is open in Development and nothing in Production. An empty list opens
/// nothing. A name with <c>*</c>, <c>?</c>, <c>[</c> or <c>\</c> in it is a pattern: it grants all channels that it matches, and all
/// patterns that match no other channels.
/// </summary>
public sealed class AnonymousOptions
{
    /// <summary>Names that anonymous callers may subscribe to, for example <c>notifications.*</c>.</summary>
    public string[]? Subscribe { get; set; }

    /// <summary>Names that anonymous callers may publish on through Notifier. (Redis clients are not subject to it.)</summary>
    public string[]? Publish { get; set; }
}

/// <summary>Stops the process if a granted name or an origin is invalid, or if tokens cannot be verified.</summary>
internal sealed class AccessValidator(NameRules rules, IConfiguration configuration) : IValidateOptions<AccessOptions>
{
    public ValidateOptionsResult Validate(string? name, AccessOptions options)
    {
        var errors = new OptionErrors()
            .Names(configuration, "Access:Anonymous:Subscribe", options.Anonymous.Subscribe, rules)
            .Names(configuration, "Access:Anonymous:Publish", options.Anonymous.Publish, rules)
            .RequireList(configuration, "Access:AllowedOrigins")
            .Tokens(configuration, options.Tokens, rules)
            .Keys(configuration, options.ApiKeys, rules)
            .Range("Access:OperatorPort", options.OperatorPort ?? 1, 1, ushort.MaxValue)
            .RequireList(configuration, "Access:OperatorHosts")
            .Callback(options.Callback)
            .Cookies(options);
        for (var i = 0; i < options.AllowedOrigins.Length; i++)
        {
            var entry = options.AllowedOrigins[i] ?? "";     // null in JSON
            errors.Must(AllowedOrigin.Parse(entry, out var error) is not null, $"Access:AllowedOrigins:{i} is \"{entry}\"; {error}.");
        }
        for (var i = 0; i < options.OperatorHosts.Length; i++)
        {
            var entry = options.OperatorHosts[i] ?? "";
            errors.Must(
                Origin.Parse("http", entry) is { } origin && !entry.Contains(':', StringComparison.Ordinal) && origin.Host.Length > 0,
                $"Access:OperatorHosts:{i} is \"{entry}\"; a host name such as notifier.example.internal, without a port, is allowed.");
        }
        return errors.ToResult();
    }
}

/// <summary>
/// Where cookies authenticate, the origins must be restricted: a browser sends its cookies with a connection that any page opens, so a
/// hostile page could receive the visitor's messages.
/// </summary>
internal static class CookieValidation
{
    public static OptionErrors Cookies(this OptionErrors errors, AccessOptions options)
    {
        string[] readers = [.. GrantSources.All.Select(source => source.CookieSetting(options)).OfType<string>()];
        for (var i = 0; i < options.AllowedOrigins.Length && readers.Length > 0; i++)
        {
            errors.Must(
                options.AllowedOrigins[i] is not ("*" or "null"),
                $"Access:AllowedOrigins:{i} is \"{options.AllowedOrigins[i]}\": any site could connect with its visitors' cookies, "
                + $"which {string.Join(" and ", readers)} uses to identify callers; list the origins of your own pages.");
        }
        return errors;
    }
}
