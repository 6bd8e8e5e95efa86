using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.History;
using Notifier.History.Durable;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>What all subscriptions of a node have in common: bounds, and what they accept from Redis.</summary>
internal sealed partial class SubscriptionContext(
    IOptions<RecentOptions> recent, IOptions<LimitsOptions> limits, HubMetrics metrics, TimeProvider time,
    ILogger<Subscription> logger, JournalReader? journal = null, HistoryMetrics? history = null, DeliveryHelpers? helpers = null)
{
    public RecentOptions Recent { get; } = recent.Value;

    /// <summary>What all logs of the node may hold together.</summary>
    public LogBudget Budget { get; } = new(recent.Value.NodeBytes);

    /// <summary>The journal, for names with durable channels; null where there are none.</summary>
    public JournalReader? Journal { get; } = journal is { Journal.Channels.Any: true } ? journal : null;

    public HubMetrics Metrics => metrics;

    /// <summary>Those that help to deliver.</summary>
    public DeliveryHelpers Helpers { get; } = helpers ?? DeliveryHelpers.None;

    /// <summary>A subscriber that gave a position has begun.</summary>
    public void OnReplayed(ReplaySource source, bool isWhole) => history?.OnReplayed(source, isWhole);

    public TimeProvider Time => time;

    /// <summary>Whether a message may be passed on as it is.</summary>
    /// <param name="message">As Redis delivered it.</param>
    /// <param name="follower">Of the name. Where there is one, a journal's line before the message does not count: the follower takes it off, and limits the rest.</param>
    public bool IsAcceptable(in Message message, JournalFollower? follower) => message.Payload.Length <= limits.Value.PayloadBytes
        || (follower is not null && JournalEnvelope.Parse(message.Payload.Span) is not null);

    /// <summary>The message, or a gap in its place where it is too large.</summary>
    public Message Limit(Name name, Message message)
    {
        if (message.Payload.Length <= limits.Value.PayloadBytes)
            return message;
        Log.TooLarge(logger, name, message.Payload.Length, limits.Value.PayloadBytes);
        return Message.GapOf(GapCode.TooLarge) with { JournalId = message.JournalId };
    }

    /// <summary>More came than could be passed on.</summary>
    public void ReportOverload(Name name, int dropped) => Log.Overload(logger, name, dropped);

    /// <summary>Redis delivered what the pattern does not match by the rules that grants go by.</summary>
    public void ReportMismatch(Name name) => Log.Mismatch(logger, name);

    /// <summary>Something failed that should not have, while messages were passed on.</summary>
    public void ReportFailure(Name name, Exception error) => Log.Failed(logger, name, error);

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Messages for {Name} come faster than they can be passed on; {Dropped} are dropped.")]
        public static partial void Overload(ILogger logger, Name name, int dropped);

        [LoggerMessage(LogLevel.Debug, "A message for {Name} is dropped: its channel does not match, though Redis says so.")]
        public static partial void Mismatch(ILogger logger, Name name);

        [LoggerMessage(LogLevel.Error, "Messages for {Name} could not be passed on; some may be lost.")]
        public static partial void Failed(ILogger logger, Name name, Exception error);

        [LoggerMessage(LogLevel.Warning, "A message for {Name} has {Bytes} bytes and is dropped; Limits:PayloadBytes allows {Limit}.")]
        public static partial void TooLarge(ILogger logger, Name name, int bytes, int limit);
    }
}
