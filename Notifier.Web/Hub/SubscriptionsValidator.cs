using Microsoft.Extensions.Options;
using Notifier.Access;

namespace Notifier.Hub;

/// <summary>Stops the process when a default name is none that anybody could ask for.</summary>
internal sealed class SubscriptionsValidator(NameRules rules, IConfiguration configuration) : IValidateOptions<SubscriptionsOptions>
{
    public ValidateOptionsResult Validate(string? name, SubscriptionsOptions options) => new OptionErrors()
        .Names(configuration, "Subscriptions:Default", options.Default, rules)
        .ToResult();
}
