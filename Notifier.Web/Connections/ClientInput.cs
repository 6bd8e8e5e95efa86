namespace Notifier.Connections;

/// <summary>
/// What arrives from a client. Limits the bytes outside of messages: control frames, and the headers of fragments. Sessions do not see them, because .NET
/// answers a ping itself, so they do not count as commands. Used by the receive loop alone, but for <see cref="Reads"/>.
/// </summary>
internal sealed class ClientInput(TimeProvider time)
{
    /// <summary>How many bytes may arrive at once, beyond the largest message.</summary>
    public const int BurstBytes = 16 * 1024;

    /// <summary>In the long run: about 25 pings.</summary>
    public const int BytesPerSecond = 1024;

    /// <summary>What a ping counts more than its bytes, because its answer is a system call.</summary>
    private const int PongBytes = 32;

    /// <summary>The header of a small frame has six bytes. So each fragment still counts as one byte.</summary>
    private const int FragmentHeader = 5;

    /// <summary>The header of any frame of less than 64 KiB has at most eight bytes.</summary>
    private const int Header = 9;

    /// <summary>Payloads from this size on have the longer header, and are no burden.</summary>
    public const int LargePayload = 126;

    private long refilledAt = time.GetTimestamp();
    private long outside;

    /// <summary>Changes with each read.</summary>
    public int Reads { get; private set; }

    /// <summary>The largest message, in bytes. Set before the first read.</summary>
    public int MessageBytes { get; set; }

    /// <summary>The receive loop reads again: its last read has ended, so the peer is alive.</summary>
    public void OnRead() => Reads++;

    /// <summary>Counts bytes that have arrived. <see cref="OnMessage"/> subtracts those of messages.</summary>
    /// <returns>False if too many have arrived outside of messages.</returns>
    public bool TryCount(int bytes)
    {
        outside += bytes;
        return outside <= MessageBytes + BurstBytes || TryRefill();
    }

    /// <summary>A ping is answered.</summary>
    public void OnPing() => outside += PongBytes;

    /// <summary>A part of a message was read.</summary>
    public void OnMessage(int payload, bool isEnd) =>
        outside = Math.Max(0, outside - payload - (isEnd || payload >= LargePayload ? Header : FragmentHeader));

    /// <summary>Reads the clock only now, because most clients never send so much.</summary>
    private bool TryRefill()
    {
        var now = time.GetTimestamp();
        outside = Math.Max(0, outside - (long)(time.GetElapsedTime(refilledAt, now).TotalSeconds * BytesPerSecond));
        refilledAt = now;
        return outside <= MessageBytes + BurstBytes;
    }
}
