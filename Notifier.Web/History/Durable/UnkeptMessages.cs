using Notifier.Messages;
using Notifier.Names;

namespace Notifier.History.Durable;

/// <summary>
/// Reports durable channels on which a plain PUBLISH arrives: Redis keeps no such message, which nobody notices before a client misses it. Each channel is
/// reported once. Thread-safe.
/// </summary>
internal sealed partial class UnkeptMessages(DurableChannels channels, ILogger logger)
{
    /// <summary>Further channels are not reported: the operator has read enough by then, and backends may use any number of channels.</summary>
    public const int MaxChannels = 100;

    private readonly Lock gate = new();
    private readonly HashSet<byte[]> reported = new(ByteArrayComparer.Instance);
    private volatile bool isFull;

    /// <summary>Redis delivered a message that it does not keep. Called by threads that receive from Redis, for each such message.</summary>
    public void OnDelivered(ReadOnlySpan<byte> channel)
    {
        if (isFull)
            return;
        lock (gate)
        {
            if (reported.GetAlternateLookup<ReadOnlySpan<byte>>().Contains(channel) || !channels.Contains(channel) || isFull)
                return;
            reported.Add(channel.ToArray());
            isFull = reported.Count == MaxChannels;
        }
        Log.Unkept(logger, ReadableText.From(channel), MaxChannels);
    }

    private static partial class Log
    {
        [LoggerMessage(6, LogLevel.Warning, "A message on the durable channel {Channel} was published with a plain PUBLISH: clients that are connected receive it, but Redis "
            + "does not keep it, and no client can recover it. Publish with POST /publish or notifier.lua, see docs/history.md. (Logged once for each channel, "
            + "for {Channels} channels at most.)")]
        public static partial void Unkept(ILogger logger, string channel, int channels);
    }
}
