using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Operations;

/// <summary><c>Operations</c>: how the process ends.</summary>
public sealed class OperationsOptions
{
    /// <summary>
    /// Over how long the connections are closed when the process is told to end, so that they do not all come back at once elsewhere.
    /// Zero to 10 min; default 10 s, in Development none. The process needs up to 5 s more: what kills it should wait for longer
    /// (Docker: <c>stop_grace_period</c>; Kubernetes: <c>terminationGracePeriodSeconds</c>).
    /// </summary>
    public TimeSpan? DrainPeriod { get; set; }
}

/// <summary>Stops the process when it could not end as configured.</summary>
internal sealed class OperationsValidator : IValidateOptions<OperationsOptions>
{
    public ValidateOptionsResult Validate(string? name, OperationsOptions options) => new OptionErrors()
        .Range("Operations:DrainPeriod", options.DrainPeriod ?? TimeSpan.Zero, TimeSpan.Zero, TimeSpan.FromMinutes(10))
        .ToResult();
}
