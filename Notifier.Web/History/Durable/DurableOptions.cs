using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.History.Durable;

/// <summary>
/// <c>History:Durable</c>: the channels whose messages Redis keeps, so that clients receive them after a restart, and from another node. Redis keeps
/// what <c>POST /publish</c> or notifier.lua publishes; messages of a plain PUBLISH are only delivered. All nodes that share a Redis should have
/// the same settings.
/// </summary>
public sealed class DurableOptions
{
    /// <summary>Channels, and patterns of channels, such as <c>orders.*</c>. Default none.</summary>
    public string[] Channels { get; set; } = [];

    /// <summary>Messages kept for each channel. 1 to 1,000,000; default 10,000.</summary>
    public int Messages { get; set; } = 10_000;

    /// <summary>How long a message is kept. 1 minute to 366 days, in whole seconds; default 1 day.</summary>
    public TimeSpan Age { get; set; } = TimeSpan.FromDays(1);
}

/// <summary>Stops the process if a durable channel is one that no client could subscribe to, or if the limits are invalid.</summary>
internal sealed class DurableValidator(NameRules rules, IConfiguration configuration) : IValidateOptions<DurableOptions>
{
    public ValidateOptionsResult Validate(string? name, DurableOptions options) => new OptionErrors()
        .Names(configuration, "History:Durable:Channels", options.Channels, rules)
        .Range("History:Durable:Messages", options.Messages, 1, 1_000_000)
        .Range("History:Durable:Age", options.Age, TimeSpan.FromMinutes(1), TimeSpan.FromDays(366))
        .ToResult();
}
