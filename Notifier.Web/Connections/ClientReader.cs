using System.IO.Pipelines;
using System.Net.WebSockets;
using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>What was read from a client.</summary>
internal enum ClientMessageKind
{
    Text,
    Binary,

    /// <summary>Larger than the limit, or too many empty fragments; the rest was not read.</summary>
    TooBig,

    /// <summary>Too many control frames or small fragments; see <see cref="ClientInput"/>.</summary>
    TooManyFrames,

    /// <summary>The client closes, or has answered Notifier's close frame.</summary>
    Close,

    /// <summary>The connection was lost, or the client violated the protocol, which was answered with a close frame.</summary>
    Lost,
}

/// <param name="Kind">What was read.</param>
/// <param name="Text">The text message, or how the connection was lost; else empty.</param>
/// <param name="Bytes">The binary message; else null.</param>
internal readonly record struct ClientMessage(ClientMessageKind Kind, string Text = "", byte[]? Bytes = null)
{
    /// <summary>The connection ended without a close frame.</summary>
    public static ClientMessage LostWithoutClose { get; } = new(ClientMessageKind.Lost, "the peer ended the connection without a close frame");
}

/// <summary>
/// Reads whole messages from a client, and never buffers more than the limit. While a client is silent, there is no buffer. Used by the receive loop alone,
/// which calls <see cref="WaitAsync"/> and <see cref="TryRead"/> in turn. They are two methods, so that an idle connection needs memory for no further
/// asynchronous one.
/// </summary>
internal abstract class ClientReader(Connection connection) : IDisposable
{
    /// <summary>The largest message, in bytes. Set before the first read.</summary>
    public int Limit
    {
        get => Input.MessageBytes;
        set => Input.MessageBytes = value;
    }

    /// <summary>The code of the client's close frame, as far as it has sent one.</summary>
    public WebSocketCloseStatus? CloseStatus { get; protected set; }

    protected Connection Connection => connection;

    protected ClientInput Input => connection.Input!;

    /// <summary>Whether messages are discarded.</summary>
    protected bool IsDraining { get; private set; }

    /// <summary>
    /// From now on, messages are discarded until the client closes too, or is lost. Small ones count like control frames, because no command is counted any
    /// more. What is left of a large one does not: the client may see the close only after it has sent all.
    /// </summary>
    public void Drain() => IsDraining = true;

    /// <summary>Completes when something has arrived. Throws (see <see cref="IsLoss"/>) if the connection was lost.</summary>
    public abstract ValueTask<ReadResult> WaitAsync();

    /// <summary>Takes the next message, after each wait once.</summary>
    /// <param name="result">The result of the wait.</param>
    /// <param name="message">The message, or how the connection ended.</param>
    /// <returns>False if it has not arrived completely.</returns>
    public abstract bool TryRead(in ReadResult result, out ClientMessage message);

    public abstract void Dispose();

    /// <summary>Answers a violation of the protocol (RFC 6455, 7.1.7).</summary>
    protected ClientMessage Fail(WebSocketCloseStatus status, string what)
    {
        _ = connection.CloseAsync(CloseReason.ProtocolError, new CloseReason((ushort)status, "").ToFrame());
        return new(ClientMessageKind.Lost, $"the client violated the protocol: {what}");
    }

    protected ClientMessage NotText() => Fail(WebSocketCloseStatus.InvalidPayloadData, "a text that is not UTF-8");

    /// <summary>Whether this exception means that a connection was lost.</summary>
    public static bool IsLoss(Exception error) =>
        error is WebSocketException or IOException or OperationCanceledException;
}
