using System.Net.Sockets;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// Stands in front of Kestrel's upgrade (HTTP/1.1) and extended CONNECT (HTTP/2, RFC 8441), so that the stream which
/// .NET's WebSocket gets is ours, and the connection writes by the best transport there is.
/// </summary>
internal sealed class WebSocketUpgrade(HttpContext context, TimeProvider time, ILogger<Connection> logger)
    : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    private readonly IHttpUpgradeFeature? upgrade = context.Features.Get<IHttpUpgradeFeature>();
    private readonly IHttpExtendedConnectFeature? connect = context.Features.Get<IHttpExtendedConnectFeature>();
    private ProtocolSwitch? departure;
    private Stream? stream;

    /// <summary>Whom the connection will count for.</summary>
    public ClientAddress Address { get; set; }

    /// <summary>What was agreed upon. To be set before accepting.</summary>
    public WireFormat Format { get; set; } = PlainText.Format;

    /// <summary>The connection, once the request was upgraded.</summary>
    public Connection? Connection { get; private set; }

    public bool IsUpgradableRequest => upgrade is { IsUpgradableRequest: true };

    public bool IsExtendedConnect => connect is { IsExtendedConnect: true };

    public string? Protocol => connect?.Protocol;

    /// <summary>Puts this in place of the server's own features. Does nothing for requests that cannot be upgraded.</summary>
    public static void Intercept(HttpContext context, TimeProvider time, ILogger<Connection> logger)
    {
        var ours = new WebSocketUpgrade(context, time, logger);
        if (!ours.IsUpgradableRequest && !ours.IsExtendedConnect)
            return;
        if (ours.upgrade is not null)
            context.Features.Set<IHttpUpgradeFeature>(ours);
        if (ours.connect is not null)
            context.Features.Set<IHttpExtendedConnectFeature>(ours);
        context.Features.Set(ours);
    }

    /// <summary>
    /// Serves the connection until it ends: within the request, or after it where HTTP can be left. To be awaited at the end of the
    /// request.
    /// </summary>
    /// <param name="accepted">What ASP.NET Core made of the upgraded stream.</param>
    /// <param name="serve">Must not hold on to the request.</param>
    public Task ServeAsync(WebSocket accepted, Func<WebSocket, Connection, Task> serve)
    {
        var connection = Connection!;
        if (departure is null)
            return serve(accepted, connection);
        // The accepted one holds on to the request too, and would abort it once more.
        var bare = WebSocket.CreateFromStream(stream!, new WebSocketCreationOptions
        {
            IsServer = true,
            SubProtocol = accepted.SubProtocol,
            KeepAliveInterval = TimeSpan.Zero,      // see Liveness
        });
        departure.SwitchTo(() => serve(bare, connection));
        return Task.CompletedTask;
    }

    public async Task<Stream> UpgradeAsync()
    {
        var upgraded = await upgrade!.UpgradeAsync();
        if (Socket is not { } socket || ProtocolSwitch.From(context) is not { } direct)
            return Open(upgraded, new StreamTransport(upgraded, Socket, isShared: false), context.Abort);
        departure = direct;
        return stream = Open(direct.Input, new SocketTransport(socket), direct.Abort);
    }

    public async ValueTask<Stream> AcceptAsync()
    {
        var accepted = await connect!.AcceptAsync();
        return Open(accepted, new StreamTransport(accepted, Socket, isShared: true), context.Abort);
    }

    private Socket? Socket => context.Features.Get<IConnectionSocketFeature>()?.Socket;

    private WebSocketStream Open(Stream inner, Transport transport, Action abort)
    {
        // A quiet connection is no slow one; liveness is ours (see Liveness).
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        Connection = new Connection(transport, Format, abort, time, logger) { Address = Address };
        return new WebSocketStream(inner, Connection);
    }
}
