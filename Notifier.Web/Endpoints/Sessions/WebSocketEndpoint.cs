using System.Buffers;
using System.Collections.Frozen;
using System.Globalization;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http.Features;
using Notifier.Access;
using Notifier.Connections;
using Notifier.Endpoints.Http;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>Answers WebSocket handshakes, and serves each connection until it ends. A <see cref="WebSocketProtocol"/> handles what clients send.</summary>
internal sealed partial class WebSocketEndpoint(ConnectionHost host, ILogger<WebSocketEndpoint> logger)
{
    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Answers one handshake, and serves the connection until it ends.</summary>
    public Task HandleAsync(HttpContext context, WebSocketRoute route)
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
        if (!host.Admission.TryEnter(host.Admission.AddressOf(context), out var ticket, out var refusal))
        {
            host.SlowDown(context);
            context.Response.Headers.RetryAfter = refusal.RetryAfter.ToString(CultureInfo.InvariantCulture);
            return ExplainAsync(context.Response, refusal.Status, $"{refusal.Text}; try again after {refusal.RetryAfter} s.\n");
        }
        upgrade.Ticket = ticket;
        return UpgradeAsync(context, upgrade, route);
    }

    private async Task UpgradeAsync(HttpContext context, WebSocketUpgrade upgrade, WebSocketRoute route)
    {
        var offered = context.WebSockets.WebSocketRequestedProtocols;
        var protocol = route.Choose(offered);
        upgrade.Format = protocol.Format;
        Handshake handshake;
        WebSocket socket;
        var span = Traces.Begin(context, route.Path);
        try
        {
            handshake = await AuthenticateAsync(context, protocol);
            // If all offered subprotocols are unknown, accept the first one: otherwise a browser reports only 1006, and no reason.
            socket = await context.WebSockets.AcceptWebSocketAsync(protocol.Subprotocol ?? (offered is [var first, ..] && IsToken(first) ? first : null));
            span?.SetTag("notifier.connection.transport", Transports.Names[(int)upgrade.Connection!.TransportKind])
                .SetTag("notifier.close.code", handshake.Refusal?.Value.Code);
            span.End(context.Response.StatusCode);
        }
        catch (Exception error)     // whatever it is, the connection must not stay admitted
        {
            span.End(StatusCodes.Status500InternalServerError);
            host.Admission.Leave(upgrade.Ticket);
            if (!ClientReader.IsLoss(error))
                throw;
            Log.Lost(logger, error.Message);
            return;
        }
        await upgrade.ServeAsync(socket, (reader, connection) => ServeAsync(reader, connection, handshake));
    }

    /// <summary>Whether a header may have it as a subprotocol (RFC 9110, 5.6.2). ASP.NET Core throws if not.</summary>
    private static bool IsToken(string text) => text.Length > 0 && !text.AsSpan().ContainsAnyExcept(TokenCharacters);

    /// <summary>Not split into several methods: each asynchronous method that waits until the connection ends costs memory per connection.</summary>
    private async Task ServeAsync(ClientReader reader, Connection connection, Handshake handshake)
    {
        var subscriptions = host.SubscriptionsOf(connection, handshake.Caller);
        try
        {
            host.Add(connection, handshake.Caller, handshake.Protocol.AccessFor(host, handshake.Caller));
            if (handshake.Refusal is { Value: var reason })
                _ = connection.CloseAsync(reason);
            using var session = handshake.Protocol.Open(host, connection, subscriptions);
            session.Begin(handshake.Names);
            reader.Limit = session.FrameBytes;
            var end = await session.RunAsync(reader);
            if (end.Kind == ClientMessageKind.Lost)
                Log.Lost(logger, end.Text);
            else
                await connection.CloseAsync(CloseReason.Answering(reader.CloseStatus));
        }
        finally
        {
            await connection.RetireAsync();
            host.Remove(connection, subscriptions);
            reader.Dispose();
            host.Admission.Leave(connection.Ticket);
        }
    }

    /// <summary>
    /// An invalid request is refused after accepting, because a browser reports a rejected handshake only as 1006. The origin is checked
    /// first, so that the cookies of a page that may not connect are not read.
    /// </summary>
    private async ValueTask<Handshake> AuthenticateAsync(HttpContext context, WebSocketProtocol protocol)
    {
        if (host.Origins.Check(context.Request) is { } originRefusal)
            return Refuse(protocol, CloseReason.NotAllowed(originRefusal));
        if (protocol.Rejection is { } rejection)
            return Refuse(protocol, rejection);
        if (NamesInQuery.Read(context.Request.QueryString.Value, host.Limits, out var requested) is { } unreadable)
            return Refuse(protocol, CloseReason.Malformed(unreadable));
        var (caller, refusal) = await host.Authenticator.AuthenticateAsync(context);
        if ((refusal ?? protocol.CheckCaller(host, caller!)) is { } refused)
            return Refuse(protocol, refused.ToClose());
        if (host.CheckNames(host.Admission.AddressOf(context), caller!, requested.Names) is { } tooMany)
            return Refuse(protocol, CloseReason.Overloaded(tooMany.Text));
        // Default names that are not granted are omitted. Names in the address that are not granted get an error.
        return new(protocol, caller!, [.. host.DefaultsFor(caller!.SubscribeGrant), .. requested.Names], null);
    }

    private Handshake Refuse(WebSocketProtocol protocol, CloseReason reason) =>
        new(protocol, host.Authenticator.Anonymous, [], new(reason));

    private static Task ExplainAsync(HttpResponse response, int status, string text)
    {
        response.StatusCode = status;
        response.ContentType = "text/plain; charset=utf-8";
        return response.WriteAsync(text);
    }

    /// <summary>The result of a handshake. It stays in memory as long as the connection.</summary>
    /// <param name="Protocol">The selected protocol.</param>
    /// <param name="Caller">The caller.</param>
    /// <param name="Names">The names to subscribe to first.</param>
    /// <param name="Refusal">Why the connection is closed, or null. Boxed, because it is large and rare.</param>
    private readonly record struct Handshake(WebSocketProtocol Protocol, Caller Caller, IEnumerable<Name> Names, StrongBox<CloseReason>? Refusal);

    private static partial class Log
    {
        [LoggerMessage(4, LogLevel.Debug, "A connection ended without a closing handshake: {Reason}")]
        public static partial void Lost(ILogger logger, string reason);
    }
}

internal static class WebSocketRoutes
{
    /// <summary>Answers handshakes, before static files and routing, which they do not need.</summary>
    public static void UseHandshakes(this WebApplication app)
    {
        var sockets = app.Services.GetRequiredService<WebSocketEndpoint>();
        // Like those of the router, paths are not case-sensitive, and may end with a slash.
        var routes = WebSocketProtocols.Routes.SelectMany(static route => new[] { route.Path, route.Path.TrimEnd('/') + '/' }.Select(path => (path, route)))
            .DistinctBy(static one => one.path).ToFrozenDictionary(static one => one.path, static one => one.route, StringComparer.OrdinalIgnoreCase);
        app.Use((context, next) =>
        {
            if (!routes.TryGetValue(context.Request.Path.Value ?? "", out var route) || !context.WebSockets.IsWebSocketRequest)
                return next(context);
            // Connections have metrics of their own, and the duration of such a request means something else with each transport.
            if (context.Features.Get<IHttpMetricsTagsFeature>() is { } metrics)
                metrics.MetricsDisabled = true;
            return sockets.HandleAsync(context, route);
        });
    }

    /// <summary>Answers all other requests at the paths of WebSockets.</summary>
    public static void MapWebSockets(this WebApplication app)
    {
        var sockets = app.Services.GetRequiredService<WebSocketEndpoint>();
        foreach (var route in WebSocketProtocols.Routes)
            app.Map(route.Path, context => sockets.HandleAsync(context, route)).WithGate(GateChecks.None);
    }
}
