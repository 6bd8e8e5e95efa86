using Microsoft.Extensions.Options;
using Notifier.Access.Callback;
using Notifier.Access.Origins;
using Notifier.Access.Tokens;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.Access;

/// <summary><c>Access</c>: who may connect, and what for.</summary>
public sealed class AccessOptions
{
    /// <summary>What visitors may have who say nothing about themselves.</summary>
    public AnonymousOptions Anonymous { get; set; } = new();

    /// <summary>
    /// Origins of pages (RFC 6454) that may connect, besides the server's own. Each is an origin (<c>https://app.example.com</c>,
    /// <c>capacitor://localhost</c>), all subdomains of a host (<c>https://*.example.com</c>), <c>null</c> (pages from disk, sandboxed
    /// frames), or <c>*</c> (all). Anything else stops the process. Default none; in Development all of this machine, and
    /// <c>null</c>, are allowed anyway.
    /// </summary>
    public string[] AllowedOrigins { get; set; } = [];

    /// <summary>Tokens that say who a visitor is, and what it may have.</summary>
    public TokenOptions Tokens { get; set; } = new();

    /// <summary>Where the application is asked.</summary>
    public CallbackOptions Callback { get; set; } = new();

    /// <summary>Backends that have a secret of their own.</summary>
    public ApiKeyOptions[] ApiKeys { get; set; } = [];

    /// <summary>
    /// A port, one of those that the server listens at, which visitors do not reach: who comes there may see what is for operators, without
    /// an API key. Default none.
    /// </summary>
    public int? OperatorPort { get; set; }
}

/// <summary>
/// <c>Access:Anonymous</c>. Where a list is not set, everything is open in Development, and nothing in Production; an
/// empty list opens nothing. A name with <c>*</c>, <c>?</c>, <c>[</c> or <c>\</c> in it is a pattern: it allows all channels
/// that it matches, and all patterns that match no others.
/// </summary>
public sealed class AnonymousOptions
{
    /// <summary>Names that may be subscribed to, for example <c>notifications.*</c>.</summary>
    public string[]? Subscribe { get; set; }

    /// <summary>Names that may be published on through Notifier. (Who reaches the Redis publishes there without asking.)</summary>
    public string[]? Publish { get; set; }
}

/// <summary>Stops the process when what is opened is nothing that anybody could ask for, an allowed origin is none, or tokens cannot be checked.</summary>
internal sealed class AccessValidator(NameRules rules, IConfiguration configuration) : IValidateOptions<AccessOptions>
{
    public ValidateOptionsResult Validate(string? name, AccessOptions options)
    {
        var errors = new OptionErrors()
            .Names(configuration, "Access:Anonymous:Subscribe", options.Anonymous.Subscribe, rules)
            .Names(configuration, "Access:Anonymous:Publish", options.Anonymous.Publish, rules)
            .List(configuration, "Access:AllowedOrigins")
            .Tokens(configuration, options.Tokens, rules)
            .Keys(configuration, options.ApiKeys, rules)
            .Range("Access:OperatorPort", options.OperatorPort ?? 1, 1, ushort.MaxValue)
            .Callback(options.Callback)
            .Cookies(options);
        for (var i = 0; i < options.AllowedOrigins.Length; i++)
        {
            var entry = options.AllowedOrigins[i] ?? "";     // null in JSON
            errors.Must(AllowedOrigin.Parse(entry, out var error) is not null, $"Access:AllowedOrigins:{i} is \"{entry}\"; {error}.");
        }
        return errors.ToResult();
    }
}

/// <summary>
/// Cookies tell who a visitor is only together with where its page is from: a browser sends them along for every page in the world, and one
/// that may connect from anywhere would listen in the visitor's name.
/// </summary>
internal static class CookieRules
{
    public static OptionErrors Cookies(this OptionErrors errors, AccessOptions options)
    {
        string[] readers = [
            .. options.Callback.IsEnabled ? ["Access:Callback:Url"] : Array.Empty<string>(),
            .. options.Tokens.Cookie.Length > 0 ? ["Access:Tokens:Cookie"] : Array.Empty<string>()];
        for (var i = 0; i < options.AllowedOrigins.Length && readers.Length > 0; i++)
        {
            errors.Must(
                options.AllowedOrigins[i] is not ("*" or "null"),
                $"Access:AllowedOrigins:{i} is \"{options.AllowedOrigins[i]}\", so that any site could connect with its visitors' cookies, "
                + $"which {string.Join(" and ", readers)} looks at; list the origins of your own pages.");
        }
        return errors;
    }
}
