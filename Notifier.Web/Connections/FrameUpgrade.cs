using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Notifier.Connections;

/// <summary>
/// Stands in front of Kestrel's upgrade (HTTP/1.1) and extended CONNECT (HTTP/2, RFC 8441), so that the stream which
/// .NET's WebSocket gets is ours, and the connection writes by the best lane there is.
/// </summary>
internal sealed class FrameUpgrade(HttpContext context, TimeProvider time, ILogger<Connection> logger)
    : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    private readonly IHttpUpgradeFeature? upgrade = context.Features.Get<IHttpUpgradeFeature>();
    private readonly IHttpExtendedConnectFeature? connect = context.Features.Get<IHttpExtendedConnectFeature>();

    /// <summary>Whom the connection will count for.</summary>
    public ClientAddress Address { get; set; }

    /// <summary>The connection, once the request was upgraded.</summary>
    public Connection? Connection { get; private set; }

    public bool IsUpgradableRequest => upgrade is { IsUpgradableRequest: true };

    public bool IsExtendedConnect => connect is { IsExtendedConnect: true };

    public string? Protocol => connect?.Protocol;

    /// <summary>Puts this in place of the server's own features. Does nothing for requests that cannot be upgraded.</summary>
    public static void Intercept(HttpContext context, TimeProvider time, ILogger<Connection> logger)
    {
        var ours = new FrameUpgrade(context, time, logger);
        if (!ours.IsUpgradableRequest && !ours.IsExtendedConnect)
            return;
        if (ours.upgrade is not null)
            context.Features.Set<IHttpUpgradeFeature>(ours);
        if (ours.connect is not null)
            context.Features.Set<IHttpExtendedConnectFeature>(ours);
        context.Features.Set(ours);
    }

    public async Task<Stream> UpgradeAsync()
    {
        var stream = await upgrade!.UpgradeAsync();
        return Open(stream, Socket is { } socket && UntouchedTransport.Is(context)
            ? new SocketLane(socket)
            : new StreamLane(stream, Socket, isShared: false));
    }

    public async ValueTask<Stream> AcceptAsync()
    {
        var stream = await connect!.AcceptAsync();
        return Open(stream, new StreamLane(stream, Socket, isShared: true));
    }

    private Socket? Socket => context.Features.Get<IConnectionSocketFeature>()?.Socket;

    private FrameStream Open(Stream stream, Lane lane)
    {
        // A quiet connection is no slow one; liveness is ours (see Liveness).
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        Connection = new Connection(lane, context.Abort, time, logger) { Address = Address };
        return new FrameStream(stream, Connection);
    }
}
