using Microsoft.Extensions.Options;
using Notifier.Access;

namespace Notifier.Operations;

/// <summary>Stops the process when it could not end as configured.</summary>
internal sealed class OperationsValidator : IValidateOptions<OperationsOptions>
{
    public ValidateOptionsResult Validate(string? name, OperationsOptions options) => new OptionErrors()
        .Range("Operations:DrainPeriod", options.DrainPeriod ?? TimeSpan.Zero, TimeSpan.Zero, TimeSpan.FromMinutes(10))
        .ToResult();
}
