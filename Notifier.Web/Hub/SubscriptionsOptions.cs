using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary><c>Subscriptions</c>: names that connections are subscribed to without a command.</summary>
public sealed class SubscriptionsOptions
{
    /// <summary>
    /// Names that every connection is subscribed to. A name with <c>*</c>, <c>?</c>, <c>[</c> or <c>\</c> in it is a
    /// pattern. Default none.
    /// </summary>
    public string[] Default { get; set; } = [];
}

/// <summary>Stops the process if a default name is one that no client could subscribe to.</summary>
internal sealed class SubscriptionsValidator(NameRules rules, IConfiguration configuration) : IValidateOptions<SubscriptionsOptions>
{
    public ValidateOptionsResult Validate(string? name, SubscriptionsOptions options) => new OptionErrors()
        .Names(configuration, "Subscriptions:Default", options.Default, rules)
        .ToResult();
}
