using Microsoft.Extensions.Options;

namespace Notifier.Configuration;

/// <summary><c>Limits</c>: what one client, and all of them, may ask of a node.</summary>
public sealed class LimitsOptions
{
    /// <summary>Connections of the node; one more is answered with 503. 1 to 10,000,000; default 100,000.</summary>
    public int Connections { get; set; } = 100_000;

    /// <summary>
    /// Connections of one address (IPv6: of one /64); one more is answered with 429. 1 to 10,000,000. Default: no limit until the
    /// proxies are known (<c>ForwardedHeaders</c>), for behind an unknown one all clients have its address; then 1,000.
    /// </summary>
    public int? ConnectionsPerAddress { get; set; }

    /// <summary>Handshakes a second; one more is answered with 503. 1 to 1,000,000; default no limit.</summary>
    public int? HandshakesPerSecond { get; set; }

    /// <summary>
    /// Of the memory that this process may use (of a container: its limit), the share above which new connections are answered with 503,
    /// before those that are there are hurt. 0.001 to 1; default 0.85.
    /// </summary>
    public double MemoryShare { get; set; } = 0.85;

    /// <summary>How long a client may take for the headers of a request. 1 s to 5 min; default 10 s.</summary>
    public TimeSpan HandshakeTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long a TCP connection may stay open without a request. To be longer than a proxy keeps its idle ones, which may send
    /// a request at the last moment. 1 s to 1 h; default 130 s.
    /// </summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromSeconds(130);

    /// <summary>Commands a second of one connection, in the long run. 1 to 1,000,000; default 50.</summary>
    public int CommandsPerSecond { get; set; } = 50;

    /// <summary>Commands of one connection at once; a faster one is closed with 4529. 1 to 1,000,000; default 200.</summary>
    public int CommandBurst { get; set; } = 200;

    /// <summary>Names that one connection may hold, patterns included. 1 to 10,000; default 128.</summary>
    public int NamesPerConnection { get; set; } = 128;

    /// <summary>Patterns that one connection may hold: each makes every PUBLISH on the Redis slower. 0 to 10,000; default 16.</summary>
    public int PatternsPerConnection { get; set; } = 16;

    /// <summary>
    /// Different patterns that a node may have in Redis: each makes every PUBLISH slower. Those under <c>Redis:Covers</c> do not count.
    /// One address may hold a twentieth of them (see <see cref="ConnectionsPerAddress"/> for when addresses count). 1 to
    /// 100,000; default 1,000.
    /// </summary>
    public int DistinctPatterns { get; set; } = 1_000;

    /// <summary>Bytes of a channel's name. 1 to 4,096; default 255.</summary>
    public int NameBytes { get; set; } = 255;

    /// <summary>Bytes of a pattern. 1 to 4,096; default 128.</summary>
    public int PatternBytes { get; set; } = 128;

    /// <summary>
    /// <c>*</c> in a pattern. Redis' matcher tries each against the rest of the channel, so that a pattern of many makes every PUBLISH
    /// slow. 0 to 16; default 4.
    /// </summary>
    public int PatternStars { get; set; } = 4;

    /// <summary>
    /// Bytes of a message from a client, over all its fragments, each of which counts as one more. 128 to 1 MiB; default
    /// 8 KiB.
    /// </summary>
    public int FrameBytes { get; set; } = 8 * 1024;

    /// <summary>Bytes of a payload; a larger PUBLISH is not delivered, and becomes a gap. 1 to 64 MiB; default 512 KiB.</summary>
    public int PayloadBytes { get; set; } = 512 * 1024;
}

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
