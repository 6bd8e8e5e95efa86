using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Operations;

/// <summary><c>Operations</c>: how the process shuts down.</summary>
public sealed class OperationsOptions
{
    /// <summary>
    /// On shutdown, Notifier closes the connections over this period, so that clients do not all reconnect to other nodes at once. Zero to
    /// 10 min; default 10 s, in Development zero. The process needs up to 5 s more, so the grace period must be longer
    /// (Docker: <c>stop_grace_period</c>; Kubernetes: <c>terminationGracePeriodSeconds</c>).
    /// </summary>
    public TimeSpan? DrainPeriod { get; set; }
}

/// <summary>Stops the process if a setting is out of range.</summary>
internal sealed class OperationsValidator : IValidateOptions<OperationsOptions>
{
    public ValidateOptionsResult Validate(string? name, OperationsOptions options) => new OptionErrors()
        .Range("Operations:DrainPeriod", options.DrainPeriod ?? TimeSpan.Zero, TimeSpan.Zero, TimeSpan.FromMinutes(10))
        .ToResult();
}
