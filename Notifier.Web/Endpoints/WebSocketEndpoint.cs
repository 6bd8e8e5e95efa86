using System.Globalization;
using System.Net.WebSockets;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Connections;
using Notifier.Hub;
using Notifier.Messages;

namespace Notifier.Endpoints;

/// <summary>Where browsers connect: <c>/ws</c>, and <c>/</c> for those that know the slides.</summary>
internal sealed partial class WebSocketEndpoint(
    SubscriptionHub hub, Admission admission, ConnectionRegistry connections, NameRules rules, OriginRules origins, AnonymousAccess anonymous,
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
        if (context.Features.Get<FrameUpgrade>() is not { } upgrade)
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

    private async Task UpgradeAsync(HttpContext context, FrameUpgrade upgrade)
    {
        var subprotocol = Choose(context.WebSockets.WebSocketRequestedProtocols);
        upgrade.Format = subprotocol == NotifierV1.Subprotocol ? NotifierV1.Format : PlainText.Format;
        WebSocket socket;
        try
        {
            socket = await context.WebSockets.AcceptWebSocketAsync(subprotocol);
        }
        catch (Exception error)
        {
            admission.Leave(upgrade.Address);
            if (!ClientMessages.IsLoss(error))
                throw;
            Log.Lost(logger, error.Message);
            return;
        }
        var refusal = Refusal(context.Request, subprotocol, out var names);
        await upgrade.ServeAsync(socket, (bare, connection) => ServeAsync(bare, connection, names, refusal));
    }

    /// <summary>One method to the end: each that waits for a connection costs memory for each connection.</summary>
    private async Task ServeAsync(WebSocket socket, Connection connection, IEnumerable<Name> names, CloseReason? refusal)
    {
        var held = new HeldNames(connection, anonymous.Subscribe, hub, rules, limits.Value);
        try
        {
            connections.Add(connection);
            if (refusal is { } reason)
                _ = connection.CloseAsync(reason);
            using ClientSession session = connection.Format == NotifierV1.Format
                ? new NotifierV1Session(connection, held, limits.Value)
                : new PlainTextSession(connection, held, limits.Value);
            session.Begin(names);
            var end = await session.RunAsync(new ClientMessages(socket, limits.Value.FrameBytes));
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
    /// What a visitor did wrong is told after accepting, for a browser sees a refused handshake only as 1006.
    /// </summary>
    /// <param name="request">The handshake.</param>
    /// <param name="subprotocol">The one that was accepted.</param>
    /// <param name="names">
    /// What to subscribe to at once. Of what everybody is to get, each visitor gets what is allowed; what the address asks for is refused
    /// aloud.
    /// </param>
    private CloseReason? Refusal(HttpRequest request, string? subprotocol, out IEnumerable<Name> names)
    {
        names = [];
        if (origins.Check(request) is { } refusal)
            return CloseReason.NotAllowed(refusal);
        if (subprotocol is not (null or NotifierV1.Subprotocol))
            return CloseReason.Malformed($"unknown subprotocol; offer {NotifierV1.Subprotocol}, or none");
        if (!NamesInQuery.TryRead(request.QueryString, out var asked))
            return CloseReason.Malformed("a name in the address is not UTF-8");
        names = [.. defaults.Where(name => anonymous.Subscribe.Check(name) is null), .. asked];
        return null;
    }

    private static Task ExplainAsync(HttpResponse response, int status, string text)
    {
        response.StatusCode = status;
        response.ContentType = "text/plain; charset=utf-8";
        return response.WriteAsync(text);
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "A connection ended without a closing handshake: {Reason}")]
        public static partial void Lost(ILogger logger, string reason);
    }
}
