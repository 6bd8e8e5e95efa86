using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Notifier.Connections;

/// <summary>
/// A TCP connection that can leave HTTP once a request on it was upgraded (RFC 9110, 7.8): the request ends, Kestrel frees all that
/// it held for it (a third of what an idle WebSocket costs), and what HTTP was left for goes on with the bare transport.
/// </summary>
/// <remarks>
/// Only where nothing stands between HTTP and the socket (TLS, another connection middleware), and only over HTTP/1.1. There the socket may
/// be written to directly, too.
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

    /// <summary>The first connection middleware of an endpoint: HTTP is what it calls.</summary>
    public static ConnectionDelegate Middleware(ConnectionDelegate http) => async connection =>
    {
        var self = new ProtocolSwitch(connection);
        connection.Features.Set(self);
        connection.Features.Set<IConnectionHeartbeatFeature>(self);
        await http(connection);
        await self.LeaveHttpAsync();
    };

    /// <summary>The switch of a request's connection; null when something stands between the request and its socket.</summary>
    public static ProtocolSwitch? From(HttpContext context) =>
        context.Features.Get<ProtocolSwitch>() is { } self
        && ReferenceEquals(self.transport, context.Features.Get<IConnectionTransportFeature>()?.Transport)
            ? self
            : null;

    /// <summary>What the peer sends, once HTTP reads no more.</summary>
    public Stream Input => transport.Input.AsStream(leaveOpen: true);

    public void Abort() => connection.Abort();

    /// <summary>Goes on with this when the request has ended; it must end without delay.</summary>
    public void SwitchTo(Func<Task> protocol) => next = protocol;

    /// <summary>Kestrel keeps what beats here as long as the connection lives: HTTP, with its request.</summary>
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
