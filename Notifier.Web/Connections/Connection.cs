using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// One peer. The <b>owner</b> of a connection owns its writes and the cursors of its sources, and no thread waits for ownership: a thread
/// that finds an owner leaves a request, which the owner carries out before it releases the connection.
/// </summary>
/// <remarks>
/// Ownership and requests are one word (<see cref="OwnerState"/>). At the end of the HTTP request the connection is retired: owned for ever,
/// by no thread. This file has what any thread may do, Connection.Owner.cs what the owner does.
/// </remarks>
internal sealed partial class Connection(Transport transport, WireFormat format, Action abort, TimeProvider time, ILogger logger) : IChunkedSetMember
{
    private readonly FrameWriter writer = new(transport, format);
    private FrameSources sources;
    private OwnerState state;
    private PendingActions actions;
    private ConnectionEnd end = new(abort, time);
    private byte[]? pong;
    private bool isClosed;

    int IChunkedSetMember.Place { get; set; }

    /// <summary>For the liveness sweep.</summary>
    public Pulse Pulse;

    /// <summary>In which second of each ping interval its ping is sent. Set by the registry.</summary>
    public int PingTurn { get; set; }

    /// <summary>Changes with each read from the peer. Written by the receive loop alone.</summary>
    public int Reads { get; private set; }

    public Transport Transport => transport;

    public WireFormat Format => format;

    /// <summary>Derived: a field would cost memory in each connection.</summary>
    public TransportKind TransportKind => transport is SocketTransport ? TransportKind.WebSocket : format is EventStream ? TransportKind.EventStream : TransportKind.WebSocketStream;

    /// <summary>What it has been sent. Any thread may read it.</summary>
    public Sent Sent => writer.Sent;

    /// <summary>How much of that is in the node's counters, which change it under their lock.</summary>
    public Sent Counted;

    /// <summary>The address it counts for; unknown where addresses do not count. Set before other threads know the connection.</summary>
    public ClientAddress Address { get; init; }

    /// <summary>Its caller, and until when; null for an anonymous one that cannot change. Set before other threads know the connection.</summary>
    public ConnectionAccess? Access { get; set; }

    /// <summary>Why we close it, or null. Set once, by the first request.</summary>
    public CloseReason? CloseAsked => end.Reason;

    /// <summary>Completes when the close was sent, or never will be.</summary>
    public Task Closed => end.Closed;

    /// <summary>How long ago the close was requested; zero without a request.</summary>
    public TimeSpan ClosingFor => end.ClosingFor;

    /// <summary>There is more to send than its cursors have seen; it catches up on the thread pool. Any thread, as for all below.</summary>
    public void CatchUp() => Request(PendingWork.CatchUp);

    /// <summary>
    /// Runs the action as the owner, which may send once: now, or when the present owner is done. All actions run in the order in which they
    /// were posted. Those posted before <see cref="RetireAsync"/> run too, later ones do not.
    /// </summary>
    public void Post(Action action)
    {
        if (TryAcquire())
        {
            RunWork(action);
            Release();
            return;
        }
        actions.Add(action);
        Request(PendingWork.Action);
    }

    /// <summary>Notifies the client that it will be closed, where its format can.</summary>
    public void Announce(CloseReason reason) => Post(() => Send(format.Announce(reason)));

    /// <summary>The receive loop reads again, so its last read has ended: the peer is alive.</summary>
    public void OnRead() => Reads++;

    public void SendPing() => Request(PendingWork.Ping);

    /// <summary>Sends a pong between two frames; a newer one replaces one that still waits (RFC 6455, 5.5.3).</summary>
    public void SendPong(byte[] frame)
    {
        Interlocked.Exchange(ref pong, frame);
        Request(PendingWork.Pong);
    }

    /// <summary>
    /// Requests the close frame: it ends catching up, goes out after the frame that was begun, and nothing follows it. The first request
    /// gives the reason. The task ends when the frame was sent; the sweep aborts a peer that does not receive it.
    /// </summary>
    public Task CloseAsync(CloseReason reason) => CloseAsync(reason, format.Close(reason));

    /// <summary>The same, with a frame that is encoded already.</summary>
    public Task CloseAsync(CloseReason reason, byte[] frame)
    {
        if (!end.TryRequestClose(reason, frame))
            return Closed;
        Request(PendingWork.Close);
        if (end.IsRetiring)
            end.OnClosed();     // too late: no owner will send it
        return Closed;
    }

    /// <summary>Ends it without a close frame (the peer sees 1006). Does nothing after <see cref="RetireAsync"/>.</summary>
    public void Abort() => end.Abort();

    /// <summary>
    /// Ends all use of the transport: the task completes when the last owner is done, and there is none afterwards. Called once, by the HTTP
    /// request, before it returns; a write that still waits is aborted.
    /// </summary>
    public Task RetireAsync()
    {
        var retired = end.Retire();
        Request(PendingWork.Retire);
        if (CloseAsked is not null)
            end.OnClosed();
        return retired;
    }

    /// <summary>Leaves a request for the owner; without an owner, becomes it and carries the request out.</summary>
    private void Request(PendingWork work)
    {
        state.Request(work);
        if (TryAcquire())
            Release();
    }
}
