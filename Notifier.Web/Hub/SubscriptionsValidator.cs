using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Messages;

namespace Notifier.Hub;

/// <summary>Stops the process when a default name is none that anybody could ask for.</summary>
internal sealed class SubscriptionsValidator(NameRules rules) : IValidateOptions<SubscriptionsOptions>
{
    public ValidateOptionsResult Validate(string? name, SubscriptionsOptions options)
    {
        var errors = new OptionErrors();
        for (var i = 0; i < options.Default.Length; i++)
        {
            var refusal = rules.Check(Name.Parse(options.Default[i]));
            errors.Must(refusal is null, $"Subscriptions:Default:{i} is \"{options.Default[i]}\": {refusal?.Message}.");
        }
        return errors.ToResult();
    }
}
