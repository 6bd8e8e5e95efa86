using System.Text;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.Access.Tokens;

/// <summary>What <c>Access:Tokens</c> may be.</summary>
internal static class TokenRules
{
    private const string Key = "Access:Tokens";
    private const int MinSecretBytes = 32;    // RFC 7518, 3.2

    public static OptionErrors Tokens(this OptionErrors errors, IConfiguration configuration, TokenOptions tokens, NameRules rules)
    {
        string[] set = [
            .. new[] { ("Secret", tokens.Secret), ("PublicKeyFile", tokens.PublicKeyFile), ("JwksFile", tokens.JwksFile), ("Authority", tokens.Authority) }
                .Where(static source => source.Item2.Length > 0).Select(static source => $"{Key}:{source.Item1}")];
        errors.List(configuration, $"{Key}:Algorithms")
            .Must(set.Length <= 1, $"{string.Join(" and ", set)} are both set; one of them is allowed.")
            .Must(set.Length > 0 || !SaysMore(tokens), $"{Key} has no key to check tokens with: set {Key}:Secret, :PublicKeyFile, :JwksFile or :Authority.")
            .Must(
                tokens.Secret.Length == 0 || Encoding.UTF8.GetByteCount(tokens.Secret) >= MinSecretBytes,
                $"{Key}:Secret has {Encoding.UTF8.GetByteCount(tokens.Secret)} bytes; at least {MinSecretBytes} are needed, such as of: openssl rand -base64 48.")
            .Must(
                set.Length != 1 || tokens.Secret.Length > 0 || tokens.Audience.Length > 0,
                $"{Key}:Audience is empty; with {set.FirstOrDefault()} it is needed, for who signs may sign tokens for others too.")
            .Must(
                tokens.Authority.Length == 0 || IsAuthority(tokens.Authority),
                $"{Key}:Authority is \"{tokens.Authority}\"; an address such as https://login.example.com/ is allowed (http on this machine only).")
            .Templates(configuration, $"{Key}:Subscribe", tokens.Subscribe, rules)
            .Templates(configuration, $"{Key}:Publish", tokens.Publish, rules);
        var allowed = tokens.Secret.Length > 0 ? JwtBearerSetup.Hmac : JwtBearerSetup.PublicKey;
        for (var i = 0; i < tokens.Algorithms.Length; i++)
        {
            // HMAC beside a public key would have everybody sign with what everybody knows.
            errors.Must(
                allowed.Contains(tokens.Algorithms[i]),
                $"{Key}:Algorithms:{i} is \"{tokens.Algorithms[i]}\"; {string.Join(", ", allowed)} are allowed with {set.FirstOrDefault() ?? "a public key"}.");
        }
        if (set.Length == 1)
        {
            var keys = JwtBearerSetup.Read(tokens, out var wrong);
            errors.Must(wrong.Length == 0, $"{set[0]} is \"{(tokens.Secret.Length > 0 ? "" : tokens.PublicKeyFile + tokens.JwksFile)}\": {wrong}.");
        }
        return errors;
    }

    private static bool SaysMore(TokenOptions tokens) =>
        tokens.AllowTokenInQuery || tokens.Cookie.Length + tokens.Subscribe.Length + tokens.Publish.Length + tokens.Algorithms.Length > 0;

    private static bool IsAuthority(string address) => Uri.TryCreate(address, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback));

    private static OptionErrors Templates(this OptionErrors errors, IConfiguration configuration, string key, string?[] templates, NameRules rules)
    {
        errors.List(configuration, key);
        errors.Must(templates.Length <= Caller.MaxNames, $"{key} has {templates.Length} names; {Caller.MaxNames} are allowed.");
        for (var i = 0; i < templates.Length; i++)
            errors.Must(NameTemplate.Parse(templates[i] ?? "", rules, out var error) is not null, $"{key}:{i} is \"{templates[i]}\": {error}.");
        return errors;
    }
}
