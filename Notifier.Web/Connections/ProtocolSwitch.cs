using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Notifier.Connections;

/// <summary>
/// A TCP connection that can leave HTTP after one of its requests was upgraded (RFC 9110, 7.8): the request ends, Kestrel frees the request's
/// memory (a third of what an idle WebSocket costs), and the new protocol continues on the bare transport.
/// </summary>
/// <remarks>
/// Only over HTTP/1.1, and only where nothing (TLS, another connection middleware) is between HTTP and the socket. Then the socket may also be
/// written to directly.
/// </remarks>
internal sealed class ProtocolSwitch : IConnectionHeartbeatFeature
{
    private readonly ConnectionContext connection;
    private readonly IConnectionHeartbeatFeature? heartbeat;
    private readonly IDuplexPipe transport;
    private Action? beat;
    private Func<Task>? next;

    private ProtocolSwitch(ConnectionContext connection)
    {
        this.connection = connection;
        transport = connection.Transport;
        heartbeat = connection.Features.Get<IConnectionHeartbeatFeature>();
    }

    /// <summary>The first connection middleware of an endpoint. Calls HTTP, and then the new protocol if there is one.</summary>
    public static ConnectionDelegate Middleware(ConnectionDelegate http) => async connection =>
    {
        var self = new ProtocolSwitch(connection);
        connection.Features.Set(self);
        connection.Features.Set<IConnectionHeartbeatFeature>(self);
        await http(connection);
        await self.LeaveHttpAsync();
    };

    /// <summary>The switch of a request's connection; null when something is between the request and the socket.</summary>
    public static ProtocolSwitch? From(HttpContext context) =>
        context.Features.Get<ProtocolSwitch>() is { } self
        && ReferenceEquals(self.transport, context.Features.Get<IConnectionTransportFeature>()?.Transport)
            ? self
            : null;

    /// <summary>The bytes that the peer sends after HTTP has stopped reading.</summary>
    public PipeReader Input => transport.Input;

    public void Abort() => connection.Abort();

    /// <summary>Continues with this protocol once the request has ended. The caller must end the request soon.</summary>
    public void SwitchTo(Func<Task> protocol) => next = protocol;

    /// <summary>Stores the heartbeat action itself, because Kestrel would keep it, and with it HTTP and the request, as long as the connection lives.</summary>
    void IConnectionHeartbeatFeature.OnHeartbeat(Action<object> action, object state)
    {
        beat = () => action(state);
        heartbeat?.OnHeartbeat(static self => Volatile.Read(ref ((ProtocolSwitch)self).beat)?.Invoke(), this);
    }

    private Task LeaveHttpAsync()
    {
        if (next is not { } protocol)
            return Task.CompletedTask;
        next = null;
        Volatile.Write(ref beat, null);
        connection.Features.Set<IConnectionTimeoutFeature>(null);
        return protocol();
    }
}
