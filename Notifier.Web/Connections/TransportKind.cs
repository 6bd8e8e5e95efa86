namespace Notifier.Connections;

/// <summary>The transport of a connection.</summary>
internal enum TransportKind
{
    /// <summary>A WebSocket over HTTP/1.1, written directly to the socket.</summary>
    WebSocket,

    /// <summary>A WebSocket over TLS or HTTP/2, written to the server's stream.</summary>
    WebSocketStream,

    /// <summary>Server-sent events.</summary>
    EventStream,
}

internal static class Transports
{
    /// <summary>In the order of <see cref="TransportKind"/>.</summary>
    public static readonly string[] Names = ["websocket", "websocket_stream", "event_stream"];
}
