using System.Text;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Hub;

/// <summary>
/// Measures how long a message takes from <c>POST /publish</c> on this node, through Redis, until it was sent to the last subscriber of a name. For
/// messages that are published on Redis directly, the start is unknown. Only one message is tracked at a time, so that a broadcast reads only one field.
/// Thread-safe.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="arrived">Called with the measured time.</param>
internal sealed class DeliveryLatency(TimeProvider time, Action<TimeSpan> arrived)
{
    /// <summary>A message that has no subscriber on this node is never sent.</summary>
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromSeconds(5);

    private Tracked? tracked;

    private sealed record Tracked(string Channel, byte[] ChannelBytes, byte[] Payload, long At);

    /// <summary>Tracks a message that is about to be published, unless another is being tracked.</summary>
    public void Track(string channel, byte[] payload)
    {
        var before = Volatile.Read(ref tracked);
        if (before is null || time.GetElapsedTime(before.At) > GiveUpAfter)
            Interlocked.CompareExchange(ref tracked, new(channel, Encoding.UTF8.GetBytes(channel), payload, time.GetTimestamp()), before);
    }

    /// <summary>Checks whether the tracked message is among those that were sent to all subscribers of the name. Called for each broadcast.</summary>
    public void Sample(Name name, ReadOnlySpan<Message> messages)
    {
        if (Volatile.Read(ref tracked) is not { } wanted)
            return;
        foreach (ref readonly var message in messages)
        {
            if (message.Gap != GapCode.None || !message.Payload.Span.SequenceEqual(wanted.Payload) || !IsOf(wanted, name, message))
                continue;
            if (Interlocked.CompareExchange(ref tracked, null, wanted) == wanted)
                arrived(time.GetElapsedTime(wanted.At));
            return;
        }
    }

    private static bool IsOf(Tracked wanted, Name name, in Message message) => name.Kind == NameKind.Channel
        ? name.Text == wanted.Channel
        : message.Channel.Span.SequenceEqual(wanted.ChannelBytes);
}
