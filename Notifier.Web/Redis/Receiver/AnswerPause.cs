using Notifier.Messages;

namespace Notifier.Redis.Receiver;

/// <summary>
/// The pause after a long broadcast. Publishers that wait until they are heard answer such a broadcast all at once. Without a pause they stay divided,
/// half of them in one broadcast and half in the next, and each message costs twice as much (bench/RESULTS.md). The pause ends when as many messages
/// have come as were sent. A field, never copied.
/// </summary>
/// <remarks>There is no pause if messages are rare: none is likely to arrive within it.</remarks>
internal struct AnswerPause
{
    /// <summary>Messages that come less often than this are rare.</summary>
    private static readonly TimeSpan Rare = TimeSpan.FromMilliseconds(5);

    /// <summary>No pause follows a broadcast that took less, so that pauses take half of the time at most.</summary>
    private static readonly TimeSpan LongBroadcast = TimeSpan.FromMilliseconds(1);

    private const int MaxBytes = 4 * 1024 * 1024;

    private readonly TimeProvider time;

    /// <summary>What has come since <see cref="since"/>.</summary>
    private long messages;
    private long bytes;
    private long since;

    /// <summary>How many messages may come as answers to what was broadcast.</summary>
    private long awaited;

    public AnswerPause(TimeProvider time)
    {
        this.time = time;
        since = time.GetTimestamp();
    }

    /// <summary>A pause is no longer than this.</summary>
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
    /// <param name="awaitedBytes">It ends when so many bytes have come.</param>
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
