using System.Text;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.Access;

/// <summary>One of <c>Access:ApiKeys</c>: a backend, known by a secret.</summary>
public sealed class ApiKeyOptions
{
    /// <summary>For the log.</summary>
    public string Name { get; set; } = "";

    /// <summary>The secret itself: at least 16 bytes…</summary>
    public string Secret { get; set; } = "";

    /// <summary>…or its SHA-256 in hexadecimal, so that the configuration holds no secret.</summary>
    public string Sha256 { get; set; } = "";

    /// <summary>Names that it may subscribe to.</summary>
    public string[] Subscribe { get; set; } = [];

    /// <summary>Names that it may publish on.</summary>
    public string[] Publish { get; set; } = [];
}

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
