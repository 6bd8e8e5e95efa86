using Notifier.Access;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;

namespace Notifier.Endpoints.Sessions;

/// <summary>
/// A protocol of WebSockets: its wire format, how its clients authenticate, and the session that handles what they send. An entry of
/// <see cref="WebSocketProtocols"/>. Stateless; one instance per protocol.
/// </summary>
internal abstract class WebSocketProtocol
{
    /// <summary>The routes that offer the protocol.</summary>
    public virtual IReadOnlyList<string> Paths { get; } = ["/", "/ws"];

    /// <summary>The name in <c>Sec-WebSocket-Protocol</c>; null for the protocol of clients that offer none.</summary>
    public abstract string? Subprotocol { get; }

    public abstract WireFormat Format { get; }

    /// <summary>Why every client is rejected; null if clients are served.</summary>
    public virtual CloseReason? Rejection => null;

    /// <summary>
    /// Why a caller may not connect; null when it may. Without a default: if clients cannot authenticate within the connection, an anonymous caller that has no
    /// grant must be refused here (<see cref="Authenticator.RequireAuthentication"/>), or its connection would stay open for ever.
    /// </summary>
    public abstract AccessRefusal? CheckCaller(ConnectionHost host, Caller caller);

    /// <summary>The access of a connection; null for an anonymous caller that cannot authenticate later, as most connections of many servers are.</summary>
    public virtual ConnectionAccess? AccessFor(ConnectionHost host, Caller caller) => caller.IsAnonymous ? null : new ConnectionAccess(caller, host.Time.GetUtcNow());

    /// <summary>Begins the session of a registered connection.</summary>
    public abstract ClientSession Open(ConnectionHost host, Connection connection, ClientSubscriptions subscriptions);
}
