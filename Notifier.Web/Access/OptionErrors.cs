using Microsoft.Extensions.Options;
using Notifier.Messages;

namespace Notifier.Access;

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

    /// <summary>Each is a name that somebody could ask for. (A list that is set like a single value would be taken for none.)</summary>
    public OptionErrors Names(string key, string[]? names, NameRules rules, IConfiguration configuration)
    {
        if (configuration[key] is { Length: > 0 } single)
            errors.Add($"{key} is \"{single}\", but it is a list: set {key}:0, {key}:1 and so on (in the environment {key.Replace(":", "__", StringComparison.Ordinal)}__0).");
        for (var i = 0; i < names?.Length; i++)
        {
            if (rules.Check(Name.Parse(names[i])) is { } refusal)
                errors.Add($"{key}:{i} is \"{names[i]}\": {refusal.Message}.");
        }
        return this;
    }

    public OptionErrors Must(bool holds, string otherwise)
    {
        if (!holds)
            errors.Add(otherwise);
        return this;
    }

    public ValidateOptionsResult ToResult() => errors.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(errors);
}
