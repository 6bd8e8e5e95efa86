using System.Text;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.Access;

/// <summary>One of <c>Access:ApiKeys</c>: a backend that authenticates with a secret.</summary>
public sealed class ApiKeyOptions
{
    /// <summary>Identifies the backend in the log. Required; no control characters.</summary>
    public string Name { get; set; } = "";

    /// <summary>The secret itself, at least 16 bytes. Set either this or <see cref="Sha256"/>.</summary>
    public string Secret { get; set; } = "";

    /// <summary>The SHA-256 of the secret, as 64 hexadecimal digits, so that the configuration contains no secret.</summary>
    public string Sha256 { get; set; } = "";

    /// <summary>Names that the backend may subscribe to. Default none.</summary>
    public string[] Subscribe { get; set; } = [];

    /// <summary>Names that the backend may publish on. Default none.</summary>
    public string[] Publish { get; set; } = [];

    /// <summary>Whether the backend may disconnect callers (<c>POST /disconnect</c>). Default false.</summary>
    public bool Disconnect { get; set; }
}

/// <summary>Validates <c>Access:ApiKeys</c>. No message contains a secret.</summary>
internal static class ApiKeyValidation
{
    private const int MinSecretBytes = 16;

    public static OptionErrors Keys(this OptionErrors errors, IConfiguration configuration, ApiKeyOptions[] keys, NameRules rules)
    {
        // Not OptionErrors.List, which prints the value: here that may be a secret.
        errors.Must(string.IsNullOrEmpty(configuration["Access:ApiKeys"]), "Access:ApiKeys is a single value; set a list, whose first entry is Access:ApiKeys:0.");
        for (var i = 0; i < keys.Length; i++)
        {
            var (at, key) = ($"Access:ApiKeys:{i}", keys[i] ?? new());
            errors.Must(key.Name.Length > 0 && !key.Name.Any(char.IsControl), $"{at}:Name is empty or has control characters; set a name that identifies the backend in the log.")
                .Must(key.Secret.Length > 0 != key.Sha256.Length > 0, $"{at} must have either :Secret or :Sha256; set exactly one of them.")
                .Must(
                    key.Secret.Length == 0 || Encoding.UTF8.GetByteCount(key.Secret) >= MinSecretBytes,
                    $"{at}:Secret has fewer than {MinSecretBytes} bytes; generate a random one, for example with: openssl rand -hex 32.")
                .Must(
                    key.Sha256.Length == 0 || (key.Sha256.Length == 64 && key.Sha256.All(char.IsAsciiHexDigit)),
                    $"{at}:Sha256 is not a SHA-256; set 64 hexadecimal digits, for example from: printf %s \"$KEY\" | sha256sum.")
                .Names(configuration, $"{at}:Subscribe", key.Subscribe, rules)
                .Names(configuration, $"{at}:Publish", key.Publish, rules);
        }
        return errors;
    }
}
