using System.Buffers.Text;
using System.Globalization;
using System.Net.WebSockets;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Access.Origins;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>Where browsers connect: <c>/ws</c>, and <c>/</c> for those that know the slides.</summary>
internal sealed partial class WebSocketEndpoint(
    SubscriptionHub hub, Admission admission, ConnectionRegistry connections, NameRules rules, OriginRules origins, Authenticator authenticator, TimeProvider time,
    IOptions<LimitsOptions> limits, IOptions<SubscriptionsOptions> subscriptions, ILogger<WebSocketEndpoint> logger)
{
    private readonly Name[] defaults = [.. subscriptions.Value.Default.Select(Name.Parse)];

    /// <summary>Answers one handshake, and serves the connection until it ends.</summary>
    public Task HandleAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.Headers.Upgrade = "websocket";
            return ExplainAsync(
                context.Response,
                StatusCodes.Status426UpgradeRequired,
                "This address speaks WebSocket. In a browser: new WebSocket(\"ws://…/ws\").\n");
        }
        if (context.Features.Get<WebSocketUpgrade>() is not { } upgrade)
        {
            return ExplainAsync(
                context.Response,
                StatusCodes.Status501NotImplemented,
                "Notifier's WebSockets need Kestrel, the web server of ASP.NET Core.\n");
        }
        upgrade.Address = admission.AddressOf(context);
        if (admission.TryEnter(upgrade.Address) is { } refusal)
        {
            context.Response.Headers.RetryAfter = refusal.RetryAfter.ToString(CultureInfo.InvariantCulture);
            return ExplainAsync(context.Response, refusal.Status, $"{refusal.Text}; try again after {refusal.RetryAfter} s.\n");
        }
        return UpgradeAsync(context, upgrade);
    }

    private async Task UpgradeAsync(HttpContext context, WebSocketUpgrade upgrade)
    {
        var subprotocol = Choose(context.WebSockets.WebSocketRequestedProtocols);
        upgrade.Format = subprotocol == NotifierV1.Subprotocol ? NotifierV1.Format : PlainText.Format;
        Handshake arrival;
        WebSocket socket;
        var span = Traces.Begin(context, context.Request.Path == "/" ? "/" : "/ws");
        try
        {
            arrival = await AuthenticateAsync(context, subprotocol);
            socket = await context.WebSockets.AcceptWebSocketAsync(subprotocol);
            span?.SetTag("notifier.connection.transport", Transports.Names[(int)upgrade.Connection!.TransportKind])
                .SetTag("notifier.close.code", arrival.Refusal?.Code);
            span.End(context.Response.StatusCode);
        }
        catch (Exception error)
        {
            span.End(StatusCodes.Status500InternalServerError);
            admission.Leave(upgrade.Address);
            if (!ClientReader.IsLoss(error))
                throw;
            Log.Lost(logger, error.Message);
            return;
        }
        await upgrade.ServeAsync(socket, (bare, connection) => ServeAsync(bare, connection, arrival));
    }

    /// <summary>One method to the end: each that waits for a connection costs memory for each connection.</summary>
    private async Task ServeAsync(WebSocket socket, Connection connection, Handshake arrival)
    {
        var held = new ClientSubscriptions(connection, arrival.Caller.Subscribe, hub, rules, limits.Value);
        try
        {
            connection.Access = AccessFor(connection, arrival.Caller);
            connections.Add(connection);
            if ((arrival.Refusal ?? authenticator.CheckDisconnected(arrival.Caller)?.ToClose()) is { } reason)
                _ = connection.CloseAsync(reason);
            using ClientSession session = connection.Format == NotifierV1.Format
                ? new NotifierV1Session(connection, connection.Access!, held, defaults, limits.Value, authenticator)
                : new PlainTextSession(connection, held, limits.Value);
            session.Begin(arrival.Names);
            var end = await session.RunAsync(new ClientReader(socket, limits.Value.FrameBytes));
            if (end.Kind == ClientMessageKind.Lost)
                Log.Lost(logger, end.Text);
            else
                await connection.CloseAsync(CloseReason.Answering(socket.CloseStatus));
        }
        finally
        {
            await connection.RetireAsync();
            held.Clear();
            connections.Remove(connection);
            socket.Dispose();
            admission.Leave(connection.Address);
        }
    }

    /// <summary>
    /// Ours, where it is offered. Else the first: a browser that is answered with none of its own sees no reason, only 1006.
    /// </summary>
    private static string? Choose(IList<string> offered) =>
        offered.Contains(NotifierV1.Subprotocol) ? NotifierV1.Subprotocol : offered is [var first, ..] ? first : null;

    /// <summary>
    /// What a visitor did wrong is told after accepting, for a browser sees a refused handshake only as 1006. The page comes first: nobody
    /// looks at the cookies of one that may not connect.
    /// </summary>
    private async ValueTask<Handshake> AuthenticateAsync(HttpContext context, string? subprotocol)
    {
        if (origins.Check(context.Request) is { } foreign)
            return new(authenticator.Anonymous, [], CloseReason.NotAllowed(foreign));
        if (subprotocol is not (null or NotifierV1.Subprotocol))
            return new(authenticator.Anonymous, [], CloseReason.Malformed($"unknown subprotocol; offer {NotifierV1.Subprotocol}, or none"));
        if (!NamesInQuery.TryRead(context.Request.QueryString, out var asked))
            return new(authenticator.Anonymous, [], CloseReason.Malformed("a name in the address is not UTF-8"));
        var (caller, refusal) = await authenticator.AuthenticateAsync(context);
        // In plain text there is no way to say later who one is.
        if ((refusal ?? (subprotocol is null ? authenticator.RequireAuthentication(caller!, caller!.Subscribe) : null)) is { } refused)
            return new(authenticator.Anonymous, [], refused.ToClose());
        // Of what everybody is to get, each visitor gets what is allowed; what the address asks for is refused aloud.
        return new(caller!, [.. defaults.Where(name => caller!.Subscribe.Check(name) is null), .. asked], null);
    }

    /// <summary>Nothing for those that nobody needs to know: most connections, on many a server.</summary>
    private ConnectionAccess? AccessFor(Connection connection, Caller caller)
    {
        if (connection.Format != NotifierV1.Format)
            return caller.IsAnonymous ? null : new ConnectionAccess(caller);
        var access = new ConnectionAccess(caller, Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(12)));
        if (caller.IsAnonymous && caller.Subscribe.IsEmpty && authenticator.AcceptsTokens)
            access.AwaitToken(time.GetUtcNow());
        return access;
    }

    private static Task ExplainAsync(HttpResponse response, int status, string text)
    {
        response.StatusCode = status;
        response.ContentType = "text/plain; charset=utf-8";
        return response.WriteAsync(text);
    }

    /// <summary>What a handshake has said.</summary>
    /// <param name="Caller">Who comes.</param>
    /// <param name="Names">What to subscribe to at once.</param>
    /// <param name="Refusal">Why the connection is closed, or null.</param>
    private readonly record struct Handshake(Caller Caller, IEnumerable<Name> Names, CloseReason? Refusal);

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "A connection ended without a closing handshake: {Reason}")]
        public static partial void Lost(ILogger logger, string reason);
    }
}

internal static class WebSocketRoutes
{
    public static void MapWebSockets(this WebApplication app)
    {
        var sockets = app.Services.GetRequiredService<WebSocketEndpoint>();
        app.Map("/", sockets.HandleAsync);
        app.Map("/ws", sockets.HandleAsync);
    }
}
