using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Notifier.Connections;

/// <summary>
/// Remembers the transport that Kestrel's sockets gave a connection, to find out later whether something (TLS, a connection
/// middleware) was put around it. Then writing past it, to the socket, would send the wrong bytes.
/// </summary>
internal sealed class UntouchedTransport(IDuplexPipe transport)
{
    /// <summary>The first connection middleware of an endpoint.</summary>
    public static ConnectionDelegate Remember(ConnectionDelegate next) => connection =>
    {
        connection.Features.Set(new UntouchedTransport(connection.Transport));
        return next(connection);
    };

    /// <summary>Whether nothing stands between this request and its socket.</summary>
    public static bool Is(HttpContext context) =>
        context.Features.Get<UntouchedTransport>() is { } remembered
        && ReferenceEquals(remembered.Transport, context.Features.Get<IConnectionTransportFeature>()?.Transport);

    private IDuplexPipe Transport => transport;
}
