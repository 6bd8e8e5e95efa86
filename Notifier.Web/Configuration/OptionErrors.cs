using Microsoft.Extensions.Options;

namespace Notifier.Configuration;

/// <summary>
/// Collects the errors of an options class, each with the key, the value, and what is allowed, so that an operator can fix all of them
/// at once.
/// </summary>
internal sealed class OptionErrors
{
    private readonly List<string> errors = [];

    public OptionErrors Range(string key, long value, long min, long max)
    {
        if (value < min || value > max)
            errors.Add(FormattableString.Invariant($"{key} is {value}; {min} to {max} is allowed."));
        return this;
    }

    public OptionErrors Range(string key, TimeSpan value, TimeSpan min, TimeSpan max)
    {
        if (value < min || value > max)
            errors.Add($"{key} is {value}; {min} to {max} is allowed.");
        return this;
    }

    public OptionErrors Must(bool isValid, string error)
    {
        if (!isValid)
            errors.Add(error);
        return this;
    }

    /// <summary>Reports a single value where a list is expected. The entries of a list have keys of their own, and binding ignores the value silently.</summary>
    public OptionErrors RequireList(IConfiguration configuration, string key) => Must(
        string.IsNullOrEmpty(configuration[key]), $"{key} is \"{configuration[key]}\"; set a list instead, whose first entry is {key}:0.");

    public ValidateOptionsResult ToResult() => errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(errors);
}
