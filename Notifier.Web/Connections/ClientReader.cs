using System.Buffers;
using System.Net.WebSockets;
using System.Text;

namespace Notifier.Connections;

/// <summary>What was read from a client.</summary>
internal enum ClientMessageKind
{
    Text,
    Binary,

    /// <summary>Larger than the limit, or too many empty fragments; the rest was not read.</summary>
    TooBig,

    /// <summary>The client closes, or has answered Notifier's close frame.</summary>
    Close,

    /// <summary>The connection was lost, or the client violated the protocol (.NET has answered with a close frame).</summary>
    Lost,
}

/// <param name="Kind">What was read.</param>
/// <param name="Text">The text message, or how the connection was lost; else empty.</param>
internal readonly record struct ClientMessage(ClientMessageKind Kind, string Text = "");

/// <summary>
/// Reads whole messages from a client, and never buffers more than the limit. While a client is silent, there is no buffer.
/// </summary>
internal sealed class ClientReader
{
    private readonly WebSocket socket;
    private readonly ClientInput input;
    private readonly int limit;

    public ClientReader(WebSocket socket, ClientInput input, int limit)
    {
        (this.socket, this.input, this.limit) = (socket, input, limit);
        input.MessageBytes = limit;
    }

    public async ValueTask<ClientMessage> ReadAsync()
    {
        try
        {
            var first = await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
            if (first.MessageType == WebSocketMessageType.Close)
                return new(ClientMessageKind.Close);
            if (first.EndOfMessage)
            {
                input.OnMessage(0, isEnd: true);
                return new(KindOf(first.MessageType));
            }

            var buffer = ArrayPool<byte>.Shared.Rent(limit + 1);
            try
            {
                return await ReadAsync(buffer.AsMemory(0, limit + 1));
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
        catch (Exception error) when (IsLoss(error))
        {
            // Caught here, because an exception costs again in each asynchronous method that it passes, and all clients may be lost at once.
            return new(ClientMessageKind.Lost, error.Message);
        }
    }

    /// <summary>
    /// Reads and discards, until the client closes too, or is lost. Small messages count like control frames, because no command is counted any more. What is
    /// left of a large one does not: the client may see the close only after it has sent all.
    /// </summary>
    public async ValueTask<ClientMessage> DrainAsync()
    {
        var buffer = new byte[512];
        try
        {
            while (true)
            {
                var part = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close)
                    return new(ClientMessageKind.Close);
                if (part.Count >= ClientInput.LargePayload)
                    input.OnMessage(part.Count, part.EndOfMessage);
            }
        }
        catch (Exception error) when (IsLoss(error))
        {
            return new(ClientMessageKind.Lost, error.Message);
        }
    }

    /// <summary>Whether this exception means that a connection was lost.</summary>
    public static bool IsLoss(Exception error) =>
        error is WebSocketException or IOException or OperationCanceledException;

    private async ValueTask<ClientMessage> ReadAsync(Memory<byte> buffer)
    {
        var length = 0;
        // Each fragment counts as one more byte, which limits a message of empty fragments too.
        for (var counted = 0; ; counted++)
        {
            var part = await socket.ReceiveAsync(buffer[length..], CancellationToken.None);
            if (part.MessageType == WebSocketMessageType.Close)
                return new(ClientMessageKind.Close);
            input.OnMessage(part.Count, part.EndOfMessage);
            length += part.Count;
            counted += part.Count;
            if (length > limit || (counted > limit && !part.EndOfMessage))
                return new(ClientMessageKind.TooBig);
            if (part.EndOfMessage)
                return part.MessageType == WebSocketMessageType.Text
                    ? new(ClientMessageKind.Text, Encoding.UTF8.GetString(buffer.Span[..length]))
                    : new(ClientMessageKind.Binary);
        }
    }

    private static ClientMessageKind KindOf(WebSocketMessageType type) =>
        type == WebSocketMessageType.Text ? ClientMessageKind.Text : ClientMessageKind.Binary;
}
