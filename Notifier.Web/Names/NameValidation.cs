using Notifier.Configuration;

namespace Notifier.Names;

/// <summary>Validates lists of names in the configuration.</summary>
internal static class NameValidation
{
    /// <summary>Each entry must be a valid name.</summary>
    public static OptionErrors Names(this OptionErrors errors, IConfiguration configuration, string key, string?[]? names, NameRules rules)
    {
        errors.RequireList(configuration, key);
        for (var i = 0; i < names?.Length; i++)
        {
            if (rules.Check(Name.Parse(names[i] ?? "")) is { } refusal)
                errors.Must(false, $"{key}:{i} is \"{names[i]}\": {refusal.Message}.");
        }
        return errors;
    }
}
