namespace Notifier.Redis.Receiver;

/// <summary>Where a receiver reads, and where it forwards the library's bytes.</summary>
internal interface IReceiverSource
{
    /// <summary>Waits for bytes. Zero when the connection has ended.</summary>
    int Receive(Span<byte> room);

    /// <summary>Waits until so many bytes are there, or the connection ends, or the time is over.</summary>
    void WaitFor(int bytes, TimeSpan time);

    /// <summary>Reads without waiting. Zero when there is nothing.</summary>
    int Poll(Span<byte> room);

    /// <summary>Forwards whole frames to the library; none as a sign of life. False when the library has closed the connection.</summary>
    bool Forward(ReadOnlySpan<byte> frames);

    /// <summary>All frames of a read have been forwarded.</summary>
    void EndBatch();

    /// <summary>The connection has ended. Called once.</summary>
    void Close(Exception? error);
}
