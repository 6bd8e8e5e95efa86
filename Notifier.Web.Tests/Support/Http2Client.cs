using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;

namespace Notifier.Tests.Support;

/// <summary>WebSockets over one HTTP/2 connection, as browsers open them silently over TLS (RFC 8441).</summary>
internal sealed class Http2Client : IDisposable
{
    private readonly HttpMessageInvoker invoker;
    private Socket? connection;

    public Http2Client()
    {
        var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = false, ConnectCallback = OpenAsync };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=localhost";
        invoker = new HttpMessageInvoker(handler);
    }

    public async Task<ClientWebSocket> ConnectAsync(Uri address, params string[] subprotocols)
    {
        var socket = new ClientWebSocket();
        socket.Options.HttpVersion = HttpVersion.Version20;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.KeepAliveInterval = TimeSpan.Zero;
        foreach (var subprotocol in subprotocols)
            socket.Options.AddSubProtocol(subprotocol);
        using var limit = new CancellationTokenSource(Eventually.Limit);
        await socket.ConnectAsync(address, invoker, limit.Token);
        return socket;
    }

    public async Task<HttpResponseMessage> GetAsync(Uri address) => await invoker.SendAsync(
        new HttpRequestMessage(HttpMethod.Get, address) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact },
        CancellationToken.None).WaitAsync(Eventually.Limit);

    /// <summary>From now on this end is dead, and the peer is not told.</summary>
    public void GoHalfOpen() => HalfOpen.Make(connection!);

    public void Dispose() => invoker.Dispose();

    private async ValueTask<Stream> OpenAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        connection = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await connection.ConnectAsync(context.DnsEndPoint, cancellationToken);
        return new NetworkStream(connection, ownsSocket: true);
    }
}

/// <summary>Whole messages of a .NET WebSocket.</summary>
internal static class WebSocketMessages
{
    public static Task SendTextAsync(this WebSocket socket, string text) =>
        socket.SendAsync(System.Text.Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None).WaitAsync(Eventually.Limit);

    /// <summary>The next message, or a close with code and text.</summary>
    public static async Task<Frame> ReadMessageAsync(this WebSocket socket)
    {
        var buffer = new byte[1024 * 1024];
        var length = 0;
        ValueWebSocketReceiveResult part;
        do
        {
            using var limit = new CancellationTokenSource(Eventually.Limit);
            part = await socket.ReceiveAsync(buffer.AsMemory(length), limit.Token);
            length += part.Count;
        }
        while (!part.EndOfMessage);
        return part.MessageType switch
        {
            WebSocketMessageType.Text => new Frame(Frame.TextOpcode, buffer[..length]),
            WebSocketMessageType.Binary => new Frame(Frame.BinaryOpcode, buffer[..length]),
            _ => new Frame(Frame.CloseOpcode, [(byte)((int)socket.CloseStatus! >> 8), (byte)socket.CloseStatus, .. System.Text.Encoding.UTF8.GetBytes(socket.CloseStatusDescription ?? "")]),
        };
    }
}
