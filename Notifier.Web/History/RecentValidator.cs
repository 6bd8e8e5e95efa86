using Microsoft.Extensions.Options;
using Notifier.Access;

namespace Notifier.History;

/// <summary>Stops the process when the bounds of the logs make no sense.</summary>
internal sealed class RecentValidator(IOptions<LimitsOptions> limits) : IValidateOptions<RecentOptions>
{
    public ValidateOptionsResult Validate(string? name, RecentOptions options) => new OptionErrors()
        .Range("History:Recent:Messages", options.Messages, 1, 1_000_000)
        .Range("History:Recent:Bytes", options.Bytes, 2L * limits.Value.PayloadBytes, int.MaxValue)
        .Range("History:Recent:NodeBytes", options.NodeBytes, options.Bytes, 1L << 40)
        .Range("History:Recent:Age", options.Age, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1))
        .ToResult();
}
