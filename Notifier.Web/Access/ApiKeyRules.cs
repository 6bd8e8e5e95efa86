using System.Text;

namespace Notifier.Access;

/// <summary>What <c>Access:ApiKeys</c> may be. No message holds a secret.</summary>
internal static class ApiKeyRules
{
    private const int MinSecretBytes = 16;

    public static OptionErrors Keys(this OptionErrors errors, IConfiguration configuration, ApiKeyOptions[] keys, NameRules rules)
    {
        errors.Must(string.IsNullOrEmpty(configuration["Access:ApiKeys"]), "Access:ApiKeys is a text; a list is allowed, whose first entry is Access:ApiKeys:0.");
        for (var i = 0; i < keys.Length; i++)
        {
            var (at, key) = ($"Access:ApiKeys:{i}", keys[i] ?? new());
            errors.Must(key.Name.Length > 0 && !key.Name.Any(char.IsControl), $"{at}:Name is empty; a name is needed, to be told in the log.")
                .Must(key.Secret.Length > 0 != key.Sha256.Length > 0, $"{at} needs :Secret, or :Sha256, and not both.")
                .Must(
                    key.Secret.Length == 0 || Encoding.UTF8.GetByteCount(key.Secret) >= MinSecretBytes,
                    $"{at}:Secret has fewer than {MinSecretBytes} bytes; take one that nobody guesses, such as of: openssl rand -hex 32.")
                .Must(
                    key.Sha256.Length == 0 || (key.Sha256.Length == 64 && key.Sha256.All(char.IsAsciiHexDigit)),
                    $"{at}:Sha256 is no SHA-256; 64 hexadecimal digits are allowed, such as of: printf %s \"$KEY\" | sha256sum.")
                .Names(configuration, $"{at}:Subscribe", key.Subscribe, rules)
                .Names(configuration, $"{at}:Publish", key.Publish, rules);
        }
        return errors;
    }
}
