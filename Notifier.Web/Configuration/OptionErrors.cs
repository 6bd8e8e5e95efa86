using Microsoft.Extensions.Options;

namespace Notifier.Configuration;

/// <summary>
/// Collects what is wrong with an options class, each with the key, the value, and what is allowed, so that an operator mends
/// all of it at once.
/// </summary>
internal sealed class OptionErrors
{
    private readonly List<string> errors = [];

    public OptionErrors Range(string key, long value, long least, long most)
    {
        if (value < least || value > most)
            errors.Add(FormattableString.Invariant($"{key} is {value}; {least} to {most} is allowed."));
        return this;
    }

    public OptionErrors Range(string key, TimeSpan value, TimeSpan least, TimeSpan most)
    {
        if (value < least || value > most)
            errors.Add($"{key} is {value}; {least} to {most} is allowed.");
        return this;
    }

    public OptionErrors Must(bool holds, string otherwise)
    {
        if (!holds)
            errors.Add(otherwise);
        return this;
    }

    /// <summary>A list has a key for each of its entries; a value that stands where they should would be passed over in silence.</summary>
    public OptionErrors List(IConfiguration configuration, string key) => Must(
        string.IsNullOrEmpty(configuration[key]), $"{key} is \"{configuration[key]}\"; a list is allowed, whose first entry is {key}:0.");

    public ValidateOptionsResult ToResult() => errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(errors);
}
