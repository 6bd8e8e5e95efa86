using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.History.Durable;

/// <summary>
/// <c>History:Durable</c>: the channels whose messages are kept in Redis, so that they are had after a restart, and on another node. Kept is
/// what <c>POST /publish</c> or notifier.lua publishes; what comes by a plain PUBLISH is only passed on. All nodes that share a Redis
/// should have the same.
/// </summary>
public sealed class DurableOptions
{
    /// <summary>Channels, and patterns of channels, such as <c>orders.*</c>. Default none.</summary>
    public string[] Channels { get; set; } = [];

    /// <summary>Messages kept of each channel. 1 to 1,000,000; default 10,000.</summary>
    public int Messages { get; set; } = 10_000;

    /// <summary>How long a message is kept. 1 minute to 366 days, in whole seconds; default 1 day.</summary>
    public TimeSpan Age { get; set; } = TimeSpan.FromDays(1);
}

/// <summary>Stops the process when a durable channel is none that anybody could ask for, or the bounds make no sense.</summary>
internal sealed class DurableValidator(NameRules rules, IConfiguration configuration) : IValidateOptions<DurableOptions>
{
    public ValidateOptionsResult Validate(string? name, DurableOptions options) => new OptionErrors()
        .Names(configuration, "History:Durable:Channels", options.Channels, rules)
        .Range("History:Durable:Messages", options.Messages, 1, 1_000_000)
        .Range("History:Durable:Age", options.Age, TimeSpan.FromMinutes(1), TimeSpan.FromDays(366))
        .ToResult();
}
