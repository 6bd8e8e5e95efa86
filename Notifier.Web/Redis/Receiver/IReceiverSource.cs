namespace Notifier.Redis.Receiver;

/// <summary>The connection that a receiver reads, and the library that it forwards bytes to.</summary>
internal interface IReceiverSource
{
    /// <summary>Waits for bytes. Zero when the connection has ended.</summary>
    int Receive(Span<byte> room);

    /// <summary>Waits until that many bytes have arrived, the connection has ended, or the time is over.</summary>
    void WaitFor(int bytes, TimeSpan time);

    /// <summary>Reads without waiting. Zero when there is nothing.</summary>
    int Poll(Span<byte> room);

    /// <summary>
    /// Forwards whole frames to the library. Without frames it only tells the library that the connection is alive. False when the library has closed the
    /// connection.
    /// </summary>
    bool Forward(ReadOnlySpan<byte> frames);

    /// <summary>All frames of a read have been forwarded.</summary>
    void EndBatch();

    /// <summary>The connection has ended. Called once.</summary>
    void Close(Exception? error);
}
