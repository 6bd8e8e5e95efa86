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
    private readonly LogThrottle foreignLines = new(time);

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
    /// <param name="hasFollower">Whether the name has a follower, which removes the lines of durable messages, and limits their payloads.</param>
    public bool IsAcceptable(in Message message, bool hasFollower)
    {
        var isSmall = message.Payload.Length <= limits.Value.PayloadBytes;
        if (!JournalEnvelope.MayBegin(message))
            return isSmall;
        return IsDurable(message, hasFollower)
            ? isSmall || JournalEnvelope.TryParse(message.Payload.Span, out _)
            : isSmall && !JournalEnvelope.TryParse(message.Payload.Span, out _);
    }

    /// <summary>The message as it may be delivered.</summary>
    public Message Accept(Name name, in Message message, bool hasFollower) =>
        IsAcceptable(message, hasFollower) ? message : ReplaceIfTooLarge(name, IsDurable(message, hasFollower) ? message : WithoutLines(name, message));

    /// <summary>
    /// On another node, or for another user of this Redis, the channel is durable. Visitors must not see the line, whatever the configuration of this node.
    /// </summary>
    private Message WithoutLines(Name name, in Message message)
    {
        var length = 0;
        while (JournalEnvelope.TryParse(message.Payload.Span[length..], out var envelope))
            length += envelope.Length;
        if (length == 0)
            return message;
        if (foreignLines.ShouldLog(out var count))
            Log.ForeignLine(logger, count, name);
        return message.WithoutBeginning(length);
    }

    private bool IsDurable(in Message message, bool hasFollower) =>
        hasFollower && (message.Channel.IsEmpty || JournalReader!.Journal.Channels.Contains(message.Channel.Span));

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

        [LoggerMessage(8, LogLevel.Warning, "{Count} durable messages, the latest for {Name}, arrived on channels that are not in History:Durable:Channels of this node: clients "
            + "receive them, but cannot resume after them here. Set the same list on all nodes that share a Redis. (Logged at most once a minute.)")]
        public static partial void ForeignLine(ILogger logger, int count, Name name);
    }
}
