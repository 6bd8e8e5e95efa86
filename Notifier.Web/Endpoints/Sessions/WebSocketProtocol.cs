using Notifier.Access;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;

namespace Notifier.Endpoints.Sessions;

/// <summary>
/// A wire format of WebSockets, how it authenticates, and the session that handles what its clients send. An entry of
/// <see cref="WebSocketProtocols"/>. Stateless, one instance each.
/// </summary>
internal abstract class WebSocketProtocol
{
    /// <summary>The routes that offer it.</summary>
    public virtual IReadOnlyList<string> Paths { get; } = ["/", "/ws"];

    /// <summary>Its name in <c>Sec-WebSocket-Protocol</c>; null for clients that offer none.</summary>
    public abstract string? Subprotocol { get; }

    public abstract WireFormat Format { get; }

    /// <summary>Why every client is closed; null where clients are served.</summary>
    public virtual CloseReason? Rejection => null;

    /// <summary>Why a caller may not connect; null when it may.</summary>
    public virtual AccessRefusal? CheckCaller(ConnectionHost host, Caller caller) => null;

    /// <summary>Nothing for an anonymous caller who cannot authenticate later: that is most connections of many servers.</summary>
    public virtual ConnectionAccess? AccessFor(ConnectionHost host, Caller caller) => caller.IsAnonymous ? null : new ConnectionAccess(caller);

    /// <summary>Begins the session of a registered connection.</summary>
    public abstract ClientSession Open(ConnectionHost host, Connection connection, ClientSubscriptions subscriptions);
}
