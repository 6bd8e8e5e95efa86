using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Notifier.Connections;

/// <summary>
/// Kestrel's sockets, but without those that <see cref="AcceptedSockets"/> refuses. A socket reads from when it is accepted, and under load it waits long for
/// Kestrel to serve it, with up to <see cref="KestrelSetup.ReadBufferSize"/> bytes. So a connection middleware would be too late.
/// </summary>
/// <param name="transport">Kestrel's sockets.</param>
/// <param name="sockets">Made when the server listens: earlier its options would be validated before all others.</param>
internal sealed class LimitedTransport(SocketTransportFactory transport, Lazy<AcceptedSockets> sockets) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => transport.CanBind(endpoint);

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new Listener(await transport.BindAsync(endpoint, cancellationToken), sockets.Value);

    private sealed class Listener(IConnectionListener listener, AcceptedSockets sockets) : IConnectionListener
    {
        public EndPoint EndPoint => listener.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (await listener.AcceptAsync(cancellationToken) is { } connection)
            {
                if (sockets.TryEnter(sockets.AddressOf(connection.RemoteEndPoint)))
                    return connection;
                await connection.DisposeAsync();
            }
            return null;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => listener.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => listener.DisposeAsync();
    }
}
