using System.Net.Sockets;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// Replaces Kestrel's features for upgrades (HTTP/1.1) and extended CONNECT (HTTP/2, RFC 8441), so that .NET's WebSocket uses a
/// <see cref="WebSocketStream"/>, and the connection writes to the best available transport.
/// </summary>
internal sealed class WebSocketUpgrade(HttpContext context, TimeProvider time, ILogger<Connection> logger)
    : IHttpUpgradeFeature, IHttpExtendedConnectFeature
{
    private readonly IHttpUpgradeFeature? upgrade = context.Features.Get<IHttpUpgradeFeature>();
    private readonly IHttpExtendedConnectFeature? connect = context.Features.Get<IHttpExtendedConnectFeature>();
    private ProtocolSwitch? protocolSwitch;

    /// <summary>Of the connection. Set before accepting.</summary>
    public AdmissionTicket Ticket { get; set; }

    /// <summary>The wire format. Set before accepting.</summary>
    public WireFormat Format { get; set; } = PlainText.Format;

    /// <summary>The connection, after the request was upgraded.</summary>
    public Connection? Connection { get; private set; }

    public bool IsUpgradableRequest => upgrade is { IsUpgradableRequest: true };

    public bool IsExtendedConnect => connect is { IsExtendedConnect: true };

    public string? Protocol => connect?.Protocol;

    /// <summary>Replaces the server's features. Does nothing for requests that cannot be upgraded, and returns false.</summary>
    public static bool Intercept(HttpContext context, TimeProvider time, ILogger<Connection> logger)
    {
        var ours = new WebSocketUpgrade(context, time, logger);
        if (!ours.IsUpgradableRequest && !ours.IsExtendedConnect)
            return false;
        if (ours.upgrade is not null)
            context.Features.Set<IHttpUpgradeFeature>(ours);
        if (ours.connect is not null)
            context.Features.Set<IHttpExtendedConnectFeature>(ours);
        context.Features.Set(ours);
        return true;
    }

    /// <summary>
    /// Serves the connection until it ends: within the request, or, if the connection can leave HTTP, after it. Awaited at the end of the request.
    /// </summary>
    /// <param name="accepted">ASP.NET Core's WebSocket of the upgraded stream. Not used outside of HTTP.</param>
    /// <param name="serve">Must not keep a reference to the request.</param>
    public Task ServeAsync(WebSocket accepted, Func<ClientReader, Connection, Task> serve)
    {
        var connection = Connection!;
        if (protocolSwitch is null)
        {
            RequestHead.Release(context);
            return serve(new WebSocketReader(accepted, connection), connection);
        }
        var reader = new FrameReader(protocolSwitch.Input, connection);
        protocolSwitch.SwitchTo(() => serve(reader, connection));
        return Task.CompletedTask;
    }

    public async Task<Stream> UpgradeAsync()
    {
        var upgraded = await upgrade!.UpgradeAsync();
        if (Socket is not { } socket || ProtocolSwitch.From(context) is not { } direct)
            return Open(upgraded, new StreamTransport(upgraded, Socket, isShared: false), context.Abort);
        protocolSwitch = direct;
        Open(new SocketTransport(socket), direct.Abort);
        return Stream.Null;     // a FrameReader reads
    }

    public async ValueTask<Stream> AcceptAsync()
    {
        var accepted = await connect!.AcceptAsync();
        return Open(accepted, new StreamTransport(accepted, Socket, isShared: true, context.Features.Get<MeteredInput>()), context.Abort);
    }

    private Socket? Socket => context.Features.Get<IConnectionSocketFeature>()?.Socket;

    private WebSocketStream Open(Stream inner, StreamTransport transport, Action abort)
    {
        var connection = Open(transport, abort);
        var metered = context.Features.Get<MeteredInput>();
        MeteredInput.CreditSession(context);
        return new WebSocketStream(inner, connection, connection.Input!, metered);
    }

    private Connection Open(Transport transport, Action abort)
    {
        // Neither a quiet client nor a slow reader is an attack from now on; see Liveness.
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        RequestDeadline.Stop(context);
        return Connection = new Connection(transport, Format, abort, time, logger) { Ticket = Ticket, Input = new ClientInput(time) };
    }
}
