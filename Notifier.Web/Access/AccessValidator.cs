using Microsoft.Extensions.Options;

namespace Notifier.Access;

/// <summary>Stops the process when what is opened is nothing that anybody could ask for.</summary>
internal sealed class AccessValidator(NameRules rules, IConfiguration configuration) : IValidateOptions<AccessOptions>
{
    public ValidateOptionsResult Validate(string? name, AccessOptions options) => new OptionErrors()
        .Names("Access:Anonymous:Subscribe", options.Anonymous.Subscribe, rules, configuration)
        .Names("Access:Anonymous:Publish", options.Anonymous.Publish, rules, configuration)
        .ToResult();
}
