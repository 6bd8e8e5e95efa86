using System.Text;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.Access.Tokens;

/// <summary>Validates <c>Access:Tokens</c>.</summary>
internal static class TokenValidation
{
    private const string Key = "Access:Tokens";
    private const int MinSecretBytes = 32;    // RFC 7518, 3.2

    public static OptionErrors Tokens(this OptionErrors errors, IConfiguration configuration, TokenOptions tokens, NameRules rules)
    {
        string[] set = [
            .. new (string Setting, string Value)[] { ("Secret", tokens.Secret), ("PublicKeyFile", tokens.PublicKeyFile), ("JwksFile", tokens.JwksFile), ("Authority", tokens.Authority) }
                .Where(static source => source.Value.Length > 0).Select(static source => $"{Key}:{source.Setting}")];
        errors.RequireList(configuration, $"{Key}:Algorithms")
            .Must(set.Length <= 1, $"{string.Join(" and ", set)} are both set; keep only one of them.")
            .Must(set.Length > 0 || !HasOtherSettings(tokens), $"{Key} has no key to verify tokens with: set {Key}:Secret, :PublicKeyFile, :JwksFile or :Authority.")
            .Must(
                tokens.Secret.Length == 0 || Encoding.UTF8.GetByteCount(tokens.Secret) >= MinSecretBytes,
                $"{Key}:Secret has {Encoding.UTF8.GetByteCount(tokens.Secret)} bytes; at least {MinSecretBytes} are required; generate one, for example with: openssl rand -base64 48.")
            .Must(
                set.Length != 1 || tokens.Secret.Length > 0 || tokens.Audience.Length > 0,
                $"{Key}:Audience is empty; set it, because the signer of {set.FirstOrDefault()} may issue tokens for other services too.")
            .Must(
                tokens.Authority.Length == 0 || IsAuthority(tokens.Authority),
                $"{Key}:Authority is \"{tokens.Authority}\"; set an address such as https://login.example.com/ (http only for this machine).")
            .Templates(configuration, $"{Key}:Subscribe", tokens.Subscribe, rules)
            .Templates(configuration, $"{Key}:Publish", tokens.Publish, rules);
        var allowed = tokens.Secret.Length > 0 ? JwtBearerSetup.Hmac : JwtBearerSetup.PublicKey;
        for (var i = 0; i < tokens.Algorithms.Length; i++)
        {
            // With HMAC and a public key, anyone could sign tokens: the key is no secret.
            errors.Must(
                allowed.Contains(tokens.Algorithms[i]),
                $"{Key}:Algorithms:{i} is \"{tokens.Algorithms[i]}\"; {string.Join(", ", allowed)} are allowed with {set.FirstOrDefault() ?? "a public key"}.");
        }
        if (set.Length == 1)
        {
            _ = JwtBearerSetup.ReadKeys(tokens, out var error);
            errors.Must(error.Length == 0, $"{set[0]} is \"{(tokens.Secret.Length > 0 ? "" : tokens.PublicKeyFile + tokens.JwksFile)}\": {error}.");
        }
        return errors;
    }

    private static bool HasOtherSettings(TokenOptions tokens) =>
        tokens.AllowTokenInQuery || tokens.Cookie.Length + tokens.Subscribe.Length + tokens.Publish.Length + tokens.Algorithms.Length > 0;

    private static bool IsAuthority(string address) => Uri.TryCreate(address, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback));

    private static OptionErrors Templates(this OptionErrors errors, IConfiguration configuration, string key, string?[] templates, NameRules rules)
    {
        errors.RequireList(configuration, key);
        errors.Must(templates.Length <= Caller.MaxNames, $"{key} has {templates.Length} names; {Caller.MaxNames} are allowed.");
        for (var i = 0; i < templates.Length; i++)
            errors.Must(NameTemplate.Parse(templates[i] ?? "", rules, out var error) is not null, $"{key}:{i} is \"{templates[i]}\": {error}.");
        return errors;
    }
}
