using Microsoft.Extensions.Options;
using Notifier.Access;

namespace Notifier.History;

/// <summary>Stops the process when a durable channel is none that anybody could ask for, or the bounds make no sense.</summary>
internal sealed class DurableValidator(NameRules rules, IConfiguration configuration) : IValidateOptions<DurableOptions>
{
    public ValidateOptionsResult Validate(string? name, DurableOptions options) => new OptionErrors()
        .Names(configuration, "History:Durable:Channels", options.Channels, rules)
        .Range("History:Durable:Messages", options.Messages, 1, 1_000_000)
        .Range("History:Durable:Age", options.Age, TimeSpan.FromMinutes(1), TimeSpan.FromDays(366))
        .ToResult();
}
