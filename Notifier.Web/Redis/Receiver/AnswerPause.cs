using Notifier.Messages;

namespace Notifier.Redis.Receiver;

/// <summary>
/// The pause after a long broadcast. Publishers that wait for their own messages all publish again after such a broadcast. Without a pause, one half of the
/// messages arrives for one broadcast and the other half for the next, and each message costs twice as much (bench/RESULTS.md). The pause ends when as many
/// messages have arrived as were sent. Used by the thread that reads.
/// </summary>
/// <remarks>There is no pause if messages are rare, because none is likely to arrive within it.</remarks>
internal sealed class AnswerPause(TimeProvider time)
{
    /// <summary>Messages that arrive less often than this are rare.</summary>
    private static readonly TimeSpan Rare = TimeSpan.FromMilliseconds(5);

    /// <summary>No pause follows a shorter broadcast, so that pauses take at most half of the time.</summary>
    private static readonly TimeSpan LongBroadcast = TimeSpan.FromMilliseconds(1);

    private const int MaxBytes = 4 * 1024 * 1024;

    /// <summary>Messages and bytes that have arrived since <see cref="since"/>.</summary>
    private long messages;
    private long bytes;
    private long since = time.GetTimestamp();

    /// <summary>How many messages may arrive as answers to the broadcasts.</summary>
    private long awaited;

    /// <summary>The limit of a pause.</summary>
    public static TimeSpan Longest { get; } = TimeSpan.FromMilliseconds(1);

    public void OnReceived(int frameBytes)
    {
        messages++;
        bytes += frameBytes;
        if (awaited > 0)
            awaited--;
    }

    public void OnBroadcast(in BroadcastResult done)
    {
        if (done.Messages > 1 && done.Took >= LongBroadcast)
            awaited += done.Messages;
    }

    /// <summary>Whether it is time for a pause.</summary>
    /// <param name="awaitedBytes">The pause ends when this many bytes have arrived.</param>
    public bool TryBegin(out int awaitedBytes)
    {
        awaitedBytes = 0;
        if (awaited == 0)
            return false;
        awaitedBytes = (int)Math.Clamp(awaited * bytes / Math.Max(1, messages), 1, MaxBytes);
        var areRare = time.GetElapsedTime(since) > messages * Rare;
        since = time.GetTimestamp();
        (awaited, messages, bytes) = (0, 0, 0);
        return !areRare;
    }
}
