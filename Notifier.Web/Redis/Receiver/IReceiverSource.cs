namespace Notifier.Redis.Receiver;

/// <summary>Where a receiver reads, and where it gives what is the library's.</summary>
internal interface IReceiverSource
{
    /// <summary>Waits for bytes. Zero when the connection has ended.</summary>
    int Receive(Span<byte> room);

    /// <summary>Waits until there are so many bytes, or the end; no longer than that time.</summary>
    void WaitFor(int bytes, TimeSpan time);

    /// <summary>Takes what is there without waiting; zero when there is nothing.</summary>
    int Poll(Span<byte> room);

    /// <summary>Whole frames that are the library's; empty as a sign of life. False when it wants no more.</summary>
    bool Forward(ReadOnlySpan<byte> frames);

    /// <summary>All that was read has been passed.</summary>
    void EndBatch();

    /// <summary>Nothing more comes. Called once.</summary>
    void Close(Exception? error);
}
