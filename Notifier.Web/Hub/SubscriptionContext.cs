using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.History;
using Notifier.History.Durable;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>What all subscriptions of a node share: limits, the journal, metrics, and log lines.</summary>
internal sealed partial class SubscriptionContext(
    IOptions<RecentOptions> recent, IOptions<LimitsOptions> limits, HubMetrics metrics, TimeProvider time,
    ILogger<SubscriptionContext> logger, JournalReader? journalReader = null, HistoryMetrics? history = null, DeliveryHelpers? helpers = null)
{
    public RecentOptions Recent { get; } = recent.Value;

    /// <summary>The pages of the journal that clients are being sent.</summary>
    public ReplayPages Replays { get; } = new(new LogBudget(recent.Value.NodeBytes), time);

    /// <summary>The limit for all logs of the node together, and for these pages.</summary>
    public LogBudget Budget => Replays.Budget;

    /// <summary>The journal, for names with durable channels; null if there are none.</summary>
    public JournalReader? JournalReader { get; } = journalReader is { Journal.Channels.Any: true } ? journalReader : null;

    public HubMetrics Metrics => metrics;

    /// <summary>Threads that help to deliver.</summary>
    public DeliveryHelpers Helpers { get; } = helpers ?? DeliveryHelpers.None;

    /// <summary>A subscriber that gave a position has started.</summary>
    public void OnRecovered(RecoverySource source, bool isWhole) => history?.OnRecovered(source, isWhole);

    public TimeProvider Time => time;

    /// <summary>Whether a message may be delivered as it is.</summary>
    /// <param name="message">As Redis delivered it.</param>
    /// <param name="hasFollower">Whether the name has a follower. Then messages with an envelope are acceptable, because the follower limits their payloads.</param>
    public bool IsAcceptable(in Message message, bool hasFollower) => message.Payload.Length <= limits.Value.PayloadBytes
        || (hasFollower && JournalEnvelope.Parse(message.Payload.Span) is not null);

    /// <summary>The message, or a gap in its place if the message is too large.</summary>
    public Message ReplaceIfTooLarge(Name name, Message message)
    {
        if (message.Payload.Length <= limits.Value.PayloadBytes)
            return message;
        Log.TooLarge(logger, name, message.Payload.Length, limits.Value.PayloadBytes);
        return Message.GapOf(GapCode.TooLarge) with { JournalId = message.JournalId };
    }

    /// <summary>Messages arrived faster than they could be delivered.</summary>
    public void ReportOverload(Name name, int dropped) => Log.Overload(logger, name, dropped);

    /// <summary>Redis delivered a message that the pattern does not match according to Notifier's rules.</summary>
    public void ReportMismatch(Name name) => Log.Mismatch(logger, name);

    /// <summary>An unexpected error during delivery.</summary>
    public void ReportFailure(Name name, Exception error) => Log.Failed(logger, name, error);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Messages for {Name} arrive faster than they can be delivered; {Dropped} were dropped.")]
        public static partial void Overload(ILogger logger, Name name, int dropped);

        [LoggerMessage(2, LogLevel.Debug, "A message for {Name} was dropped: its channel does not match, although Redis says so.")]
        public static partial void Mismatch(ILogger logger, Name name);

        [LoggerMessage(3, LogLevel.Error, "Messages for {Name} could not be delivered; some may be lost.")]
        public static partial void Failed(ILogger logger, Name name, Exception error);

        [LoggerMessage(4, LogLevel.Warning, "A message for {Name} has {Bytes} bytes and was dropped; Limits:PayloadBytes allows {Limit}.")]
        public static partial void TooLarge(ILogger logger, Name name, int bytes, int limit);
    }
}
