using System.Globalization;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Connections;
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
    public async Task HandleAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.Headers.Upgrade = "websocket";
            await ExplainAsync(
                context.Response,
                StatusCodes.Status426UpgradeRequired,
                "This address speaks WebSocket. In a browser: new WebSocket(\"ws://…/ws\").\n");
            return;
        }
        if (context.Features.Get<FrameUpgrade>() is not { } upgrade)
        {
            await ExplainAsync(
                context.Response,
                StatusCodes.Status501NotImplemented,
                "Notifier's WebSockets need Kestrel, the web server of ASP.NET Core.\n");
            return;
        }
        var address = admission.AddressOf(context);
        if (admission.TryEnter(address) is { } refusal)
        {
            context.Response.Headers.RetryAfter = refusal.RetryAfter.ToString(CultureInfo.InvariantCulture);
            await ExplainAsync(context.Response, refusal.Status, $"{refusal.Text}; try again after {refusal.RetryAfter} s.\n");
            return;
        }
        try
        {
            upgrade.Address = address;
            await AcceptAsync(context, upgrade);
        }
        finally
        {
            admission.Leave(address);
        }
    }

    private async Task AcceptAsync(HttpContext context, FrameUpgrade upgrade)
    {
        var offered = context.WebSockets.WebSocketRequestedProtocols;
        using var socket = await context.WebSockets.AcceptWebSocketAsync(offered.Count > 0 ? offered[0] : null);
        await ServeAsync(socket, upgrade.Connection!, context.Request, offered.Count > 0 ? offered[0] : null);
    }

    private async Task ServeAsync(WebSocket socket, Connection connection, HttpRequest request, string? subprotocol)
    {
        connections.Add(connection);
        var client = new ClientMessages(socket, limits.Value.FrameBytes);
        var grant = anonymous.Subscribe;
        var held = new HeldNames(connection, grant, hub, rules, limits.Value);
        try
        {
            if (origins.Check(request) is { } refusal)
                _ = connection.CloseAsync(CloseReason.NotAllowed(refusal));
            if (subprotocol is not null)
                _ = connection.CloseAsync(CloseReason.Malformed("unknown subprotocol; connect without one"));
            if (!NamesInQuery.TryRead(request.QueryString, out var names))
                _ = connection.CloseAsync(CloseReason.Malformed("a name in the address is not UTF-8"));
            var session = new PlainTextSession(connection, held, limits.Value);
            // Of what everybody is to get, each visitor gets what is allowed; what the visitor asks for is refused aloud.
            await session.RunAsync(client, [.. defaults.Where(name => grant.Check(name) is null), .. names]);
            await connection.CloseAsync(CloseReason.Answering(socket.CloseStatus));
        }
        catch (Exception error)
            when (error is WebSocketException or IOException or OperationCanceledException or ConnectionAbortedException)
        {
            Log.Lost(logger, error.Message);
        }
        finally
        {
            await connection.RetireAsync();
            held.Clear();
            connections.Remove(connection);
        }
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
