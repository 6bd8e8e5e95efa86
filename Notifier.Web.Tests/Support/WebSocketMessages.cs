using System.Buffers;
using System.Net.WebSockets;
using System.Text;

namespace Notifier.Tests.Support;

/// <summary>Reads whole messages of a .NET WebSocket.</summary>
internal static class WebSocketMessages
{
    public static Task SendTextAsync(this WebSocket socket, string text) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None).WaitAsync(Eventually.Limit);

    /// <summary>The next message, or a close with its code and reason.</summary>
    public static async Task<Frame> ReadMessageAsync(this WebSocket socket)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(1024 * 1024);
        using var limit = new CancellationTokenSource(Eventually.Limit);
        var length = 0;
        ValueWebSocketReceiveResult part;
        do
        {
            part = await socket.ReceiveAsync(buffer.AsMemory(length), limit.Token);
            length += part.Count;
        }
        while (!part.EndOfMessage);
        var payload = buffer[..length];
        ArrayPool<byte>.Shared.Return(buffer);
        return part.MessageType switch
        {
            WebSocketMessageType.Text => new Frame(Frame.TextOpcode, payload),
            WebSocketMessageType.Binary => new Frame(Frame.BinaryOpcode, payload),
            _ => new Frame(Frame.CloseOpcode, [(byte)((int)socket.CloseStatus! >> 8), (byte)socket.CloseStatus, .. Encoding.UTF8.GetBytes(socket.CloseStatusDescription ?? "")]),
        };
    }
}
