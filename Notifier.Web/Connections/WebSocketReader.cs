using System.Buffers;
using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Text;
using System.Text.Unicode;

namespace Notifier.Connections;

/// <summary>Reads with .NET's WebSocket: over TLS and HTTP/2. It answers pings and violations of the protocol, through <see cref="WebSocketStream"/>.</summary>
internal sealed class WebSocketReader(WebSocket socket, Connection connection) : ClientReader(connection)
{
    private ClientMessage message;

    public override async ValueTask<ReadResult> WaitAsync()
    {
        try
        {
            message = IsDraining ? await DrainAsync() : await ReadAsync();
            CloseStatus = socket.CloseStatus;
        }
        catch (Exception error) when (IsLoss(error))
        {
            // Caught here, because an exception costs again in each asynchronous method that it passes, and all clients may be lost at once.
            message = new(ClientMessageKind.Lost, error.Message);
        }
        return default;
    }

    public override bool TryRead(in ReadResult result, out ClientMessage message)
    {
        message = this.message;
        this.message = default;
        return true;
    }

    public override void Dispose() => socket.Dispose();

    private async ValueTask<ClientMessage> ReadAsync()
    {
        var first = await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
        if (first.MessageType == WebSocketMessageType.Close)
            return new(ClientMessageKind.Close);
        if (first.EndOfMessage)
        {
            Input.OnMessage(0, isEnd: true);
            return Message(first.MessageType, []);
        }

        var buffer = ArrayPool<byte>.Shared.Rent(Limit + 1);
        try
        {
            return await ReadAsync(buffer.AsMemory(0, Limit + 1));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async ValueTask<ClientMessage> ReadAsync(Memory<byte> buffer)
    {
        var length = 0;
        // Each fragment counts as one more byte, which limits a message of empty fragments too.
        for (var counted = 0; ; counted++)
        {
            var part = await socket.ReceiveAsync(buffer[length..], CancellationToken.None);
            if (part.MessageType == WebSocketMessageType.Close)
                return new(ClientMessageKind.Close);
            Input.OnMessage(part.Count, part.EndOfMessage);
            length += part.Count;
            counted += part.Count;
            if (length > Limit || (counted > Limit && !part.EndOfMessage))
                return new(ClientMessageKind.TooBig);
            if (part.EndOfMessage)
                return Message(part.MessageType, buffer.Span[..length]);
        }
    }

    private async ValueTask<ClientMessage> DrainAsync()
    {
        var buffer = new byte[512];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
            if (part.MessageType == WebSocketMessageType.Close)
                return new(ClientMessageKind.Close);
            if (part.Count >= ClientInput.LargePayload)
                Input.OnMessage(part.Count, part.EndOfMessage);
        }
    }

    /// <summary>.NET has checked a text, but not that its last character is complete if the last fragment is empty.</summary>
    private ClientMessage Message(WebSocketMessageType type, ReadOnlySpan<byte> payload) =>
        type != WebSocketMessageType.Text ? new(ClientMessageKind.Binary, Bytes: payload.ToArray())
        : Utf8.IsValid(payload) ? new(ClientMessageKind.Text, Encoding.UTF8.GetString(payload))
        : NotText();
}
