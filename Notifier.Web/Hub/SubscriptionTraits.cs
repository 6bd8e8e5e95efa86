using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.History;
using Notifier.Messages;
using Notifier.Redis;
using StackExchange.Redis;

namespace Notifier.Hub;

/// <summary>What all subscriptions of a node have in common: bounds, and what they accept from Redis.</summary>
internal sealed partial class SubscriptionTraits(
    IOptions<RecentOptions> recent, IOptions<LimitsOptions> limits, RedisNames names, HubMetrics metrics, TimeProvider time,
    ILogger<Subscription> logger)
{
    public RecentOptions Recent { get; } = recent.Value;

    public HubMetrics Metrics => metrics;

    public TimeProvider Time => time;

    /// <summary>Makes a message of a delivery: a gap where it is too large. False where it must not reach a browser.</summary>
    public bool TryAccept(Name name, in ChannelMessage delivery, out Message message)
    {
        message = default;
        byte[]? channel = null;
        if (name.Kind == NameKind.Pattern)
        {
            channel = names.FromRedis((byte[]?)delivery.Channel ?? []);
            if (channel is null)
                return false;
        }
        var payload = (byte[]?)delivery.Message ?? [];
        if (payload.Length <= limits.Value.PayloadBytes)
            message = Message.Of(channel, payload);
        else
        {
            Log.TooLarge(logger, name, payload.Length, limits.Value.PayloadBytes);
            metrics.Gap(GapCode.TooLarge);
            message = Message.GapOf(GapCode.TooLarge);
        }
        return true;
    }

    /// <summary>More came than could be passed on.</summary>
    public void ReportOverload(Name name, int dropped) => Log.Overload(logger, name, dropped);

    /// <summary>Something failed that should not have, while messages were passed on.</summary>
    public void ReportFailure(Name name, Exception error) => Log.Failed(logger, name, error);

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Messages for {Name} come faster than they can be passed on; {Dropped} are dropped.")]
        public static partial void Overload(ILogger logger, Name name, int dropped);

        [LoggerMessage(LogLevel.Error, "Messages for {Name} could not be passed on; some may be lost.")]
        public static partial void Failed(ILogger logger, Name name, Exception error);

        [LoggerMessage(LogLevel.Warning, "A message for {Name} has {Bytes} bytes and is dropped; Limits:PayloadBytes allows {Limit}.")]
        public static partial void TooLarge(ILogger logger, Name name, int bytes, int limit);
    }
}
