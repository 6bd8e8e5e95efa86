namespace Notifier.History.Durable;

/// <summary>
/// Counts what a read of the journal costs the node and Redis, while it goes on: it may fail, or end early. For one thread at a time, except for
/// <see cref="Abandon"/>.
/// </summary>
internal sealed class ReadMeter
{
    /// <summary>To list so many channels, or to read so many messages or bytes, costs about as much as to read one channel.</summary>
    private const int ListedPerChannel = 8;
    private const int MessagesPerChannel = 16;
    private const int BytesPerChannel = 16 * 1024;

    private long channels;
    private long listed;
    private long messages;
    private long bytes;
    private volatile bool isAbandoned;

    /// <summary>As so many channels without messages.</summary>
    public int Cost => (int)(channels + (listed / ListedPerChannel) + (messages / MessagesPerChannel) + (bytes / BytesPerChannel));

    public bool IsAbandoned => isAbandoned;

    /// <summary>All clients of the read have gone: it ends before its next command. Any thread may call this.</summary>
    public void Abandon() => isAbandoned = true;

    public void ThrowIfAbandoned()
    {
        if (isAbandoned)
            throw new OperationCanceledException("All clients of this read have gone.");
    }

    /// <summary>The end of the journal was read, which costs as much as a channel.</summary>
    public void OnHead() => channels++;

    /// <summary>So many channels were listed, and compared with a pattern.</summary>
    public void OnListed(int count) => listed += count;

    /// <summary>One channel was read.</summary>
    public void OnRead(byte[][] entries)
    {
        channels++;
        messages += entries.Length;
        bytes += entries.Sum(static entry => (long)entry.Length);
    }
}
