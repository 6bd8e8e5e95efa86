using System.Buffers;
using System.Net.WebSockets;
using System.Text;

namespace Notifier.Connections;

/// <summary>What came from a client.</summary>
internal enum ClientMessageKind
{
    Text,
    Binary,

    /// <summary>More than the limit, or endless fragments of nothing; the rest was not read.</summary>
    TooBig,

    /// <summary>The client closes, or has answered our close.</summary>
    Close,
}

/// <param name="Kind">What it is.</param>
/// <param name="Text">What a text message says; else empty.</param>
internal readonly record struct ClientMessage(ClientMessageKind Kind, string Text = "");

/// <summary>
/// Reads whole messages from a client, and never holds more than the limit. While a client is silent it owns no buffer.
/// </summary>
internal sealed class ClientMessages(WebSocket socket, int limit)
{
    /// <exception cref="WebSocketException">The client broke the protocol (.NET has answered it), or the connection is gone.</exception>
    /// <exception cref="IOException">The connection is gone.</exception>
    /// <exception cref="OperationCanceledException">The connection was aborted.</exception>
    public async ValueTask<ClientMessage> ReadAsync()
    {
        var first = await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
        if (first.MessageType == WebSocketMessageType.Close)
            return new(ClientMessageKind.Close);
        if (first.EndOfMessage)
            return new(KindOf(first.MessageType));

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

    /// <summary>Reads and forgets, until the client closes too.</summary>
    public async ValueTask DrainAsync()
    {
        var buffer = new byte[512];
        while ((await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None)).MessageType != WebSocketMessageType.Close)
        {
        }
    }

    private async ValueTask<ClientMessage> ReadAsync(Memory<byte> buffer)
    {
        var length = 0;
        // Each fragment counts as one byte more, so that a message of endlessly many empty ones ends.
        for (var counted = 0; ; counted++)
        {
            var part = await socket.ReceiveAsync(buffer[length..], CancellationToken.None);
            if (part.MessageType == WebSocketMessageType.Close)
                return new(ClientMessageKind.Close);
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
