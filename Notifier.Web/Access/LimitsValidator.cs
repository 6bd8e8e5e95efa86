using Microsoft.Extensions.Options;

namespace Notifier.Access;

/// <summary>Stops the process when a limit makes no sense.</summary>
internal sealed class LimitsValidator : IValidateOptions<LimitsOptions>
{
    public ValidateOptionsResult Validate(string? name, LimitsOptions options) => new OptionErrors()
        .Range("Limits:Connections", options.Connections, 1, 10_000_000)
        .Range("Limits:ConnectionsPerAddress", options.ConnectionsPerAddress ?? 1, 1, 10_000_000)
        .Range("Limits:HandshakesPerSecond", options.HandshakesPerSecond ?? 1, 1, 1_000_000)
        .Must(options.MemoryShare is >= 0.001 and <= 1, FormattableString.Invariant($"Limits:MemoryShare is {options.MemoryShare}; 0.001 to 1 is allowed."))
        .Range("Limits:HandshakeTimeout", options.HandshakeTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5))
        .Range("Limits:IdleTimeout", options.IdleTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1))
        .Range("Limits:CommandsPerSecond", options.CommandsPerSecond, 1, 1_000_000)
        .Range("Limits:CommandBurst", options.CommandBurst, 1, 1_000_000)
        .Range("Limits:NamesPerConnection", options.NamesPerConnection, 1, 10_000)
        .Range("Limits:PatternsPerConnection", options.PatternsPerConnection, 0, 10_000)
        .Range("Limits:DistinctPatterns", options.DistinctPatterns, 1, 100_000)
        .Range("Limits:NameBytes", options.NameBytes, 1, 4096)
        .Range("Limits:PatternBytes", options.PatternBytes, 1, 4096)
        .Range("Limits:PatternStars", options.PatternStars, 0, 16)
        .Range("Limits:FrameBytes", options.FrameBytes, 128, 1024 * 1024)
        .Range("Limits:PayloadBytes", options.PayloadBytes, 1, 64 * 1024 * 1024)
        .ToResult();
}
