namespace Notifier.Connections;

/// <summary>How a connection reaches its client.</summary>
internal enum TransportKind
{
    /// <summary>A WebSocket over HTTP/1.1, written straight to the socket.</summary>
    WebSocket,

    /// <summary>A WebSocket through the server's stream: TLS, HTTP/2.</summary>
    WebSocketStream,

    /// <summary>Server-sent events.</summary>
    EventStream,
}

internal static class Transports
{
    /// <summary>In the order of the numbers behind them.</summary>
    public static readonly string[] Names = ["websocket", "websocket_stream", "event_stream"];
}
