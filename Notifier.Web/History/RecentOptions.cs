using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.History;

/// <summary>
/// <c>History:Recent</c>: how many messages of each name a node keeps, for clients that read slowly and for clients that reconnect. A client that
/// needs older ones has lost messages, and is notified.
/// </summary>
public sealed class RecentOptions
{
    /// <summary>Messages kept for each name. 1 to 1,000,000; default 10,000.</summary>
    public int Messages { get; set; } = 10_000;

    /// <summary>
    /// Bytes kept for each name: payloads, channels and 80 bytes for each message. At least twice
    /// <c>Limits:PayloadBytes</c>, so that the largest message does not empty the log; default 2 MiB.
    /// </summary>
    public int Bytes { get; set; } = 2 * 1024 * 1024;

    /// <summary>
    /// Bytes kept for all names of the node together; messages of the names that were used least recently are discarded first. At least
    /// <see cref="Bytes"/>; default 256 MiB.
    /// </summary>
    public long NodeBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>How long a message is kept. 1 second to 1 day; default 1 minute.</summary>
    public TimeSpan Age { get; set; } = TimeSpan.FromMinutes(1);
}

/// <summary>Stops the process if the limits of the logs are invalid.</summary>
internal sealed class RecentValidator(IOptions<LimitsOptions> limits) : IValidateOptions<RecentOptions>
{
    public ValidateOptionsResult Validate(string? name, RecentOptions options) => new OptionErrors()
        .Range("History:Recent:Messages", options.Messages, 1, 1_000_000)
        .Range("History:Recent:Bytes", options.Bytes, 2L * limits.Value.PayloadBytes, int.MaxValue)
        .Range("History:Recent:NodeBytes", options.NodeBytes, options.Bytes, 1L << 40)
        .Range("History:Recent:Age", options.Age, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1))
        .ToResult();
}
