using Microsoft.Extensions.Options;

namespace Notifier.Access;

/// <summary>Stops the process when a limit makes no sense.</summary>
internal sealed class LimitsValidator : IValidateOptions<LimitsOptions>
{
    public ValidateOptionsResult Validate(string? name, LimitsOptions options) => new OptionErrors()
        .Range("Limits:NamesPerConnection", options.NamesPerConnection, 1, 10_000)
        .Range("Limits:PatternsPerConnection", options.PatternsPerConnection, 0, 10_000)
        .Range("Limits:NameBytes", options.NameBytes, 1, 4096)
        .Range("Limits:PatternBytes", options.PatternBytes, 1, 4096)
        .Range("Limits:PatternStars", options.PatternStars, 0, 16)
        .Range("Limits:FrameBytes", options.FrameBytes, 128, 1024 * 1024)
        .Range("Limits:PayloadBytes", options.PayloadBytes, 1, 64 * 1024 * 1024)
        .ToResult();
}
