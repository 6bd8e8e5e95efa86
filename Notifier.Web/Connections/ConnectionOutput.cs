using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// What a connection sends: single frames, and the frames of its sources. Used by the connection's owner unless a member says otherwise. A base class of
/// <see cref="Connection"/> and not a part of it, so that a connection needs no further object.
/// </summary>
internal abstract class ConnectionOutput(Transport transport, WireFormat format)
{
    private readonly FrameWriter writer = new(transport, format);
    private FrameSources sources;

    /// <summary>The source that may keep stored messages in memory.</summary>
    private FrameSource? replaying;

    public Transport Transport => transport;

    public WireFormat Format => format;

    /// <summary>Computed, because a field would cost memory in each connection.</summary>
    public TransportKind TransportKind => transport is SocketTransport ? TransportKind.WebSocket : format is EventStream ? TransportKind.EventStream : TransportKind.WebSocketStream;

    /// <summary>What the connection was sent. Any thread may read it.</summary>
    public SentTotals Sent => writer.Sent;

    /// <summary>Whether the close frame was sent. Nothing follows it.</summary>
    protected bool IsClosed => sources.AreClosed;

    /// <summary>Whether the last frame is complete and the transport is ready for the next one.</summary>
    protected bool IsReady => writer.IsReady;

    protected bool AreSourcesBehind => sources.AreBehind;

    /// <summary>Sends frames without waiting. May be called once per ownership, because releasing ends the write.</summary>
    /// <returns>How many messages of the batch need not be sent again.</returns>
    public int Write(in FrameBatch batch) => IsClosed ? batch.Count : writer.Write(batch);

    /// <summary>
    /// The same for a batch of one source, together with frames that wait in the other sources: one system call for all of them.
    /// </summary>
    /// <returns>How many messages of the batch need not be sent again.</returns>
    public int Write(in FrameBatch batch, FrameSource source) => IsClosed ? batch.Count : sources.Write(writer, batch, source);

    /// <summary>Adds a source. Does nothing if the connection is closed.</summary>
    public void AddSource(FrameSource source) => sources.Add(source);

    public void RemoveSource(FrameSource source) => sources.Remove(source);

    /// <summary>
    /// Lets a source keep a page of stored messages in memory, one source at a time, until <see cref="TryEndReplay"/>. Any thread may call it.
    /// </summary>
    public bool TryBeginReplay(FrameSource source) => Interlocked.CompareExchange(ref replaying, source, null) is var current && (current is null || current == source);

    /// <summary>Whether a source other than this one keeps a page.</summary>
    public bool IsAnotherReplaying(FrameSource source) => Volatile.Read(ref replaying) is { } current && current != source;

    /// <summary>The source needs no more pages. Any thread may call it.</summary>
    /// <returns>Whether another source may have waited for that.</returns>
    public bool TryEndReplay(FrameSource source) => Interlocked.CompareExchange(ref replaying, null, source) == source;

    /// <summary>Sends a frame that is not a message, while the transport is ready.</summary>
    public void Send(byte[] frame)
    {
        if (!IsClosed && frame.Length > 0)
            writer.WriteWhole(frame);
    }

    protected void SendClose(byte[] frame)
    {
        Send(frame);
        sources.Close();
    }

    /// <summary>Sends one slice of the next source that has more.</summary>
    protected void CatchUpSources() => sources.CatchUp();

    protected ValueTask FinishAsync() => writer.FinishAsync();
}
