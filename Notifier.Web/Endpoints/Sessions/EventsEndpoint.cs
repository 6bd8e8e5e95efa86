using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using Notifier.Access;
using Notifier.Access.Origins;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Endpoints.Http;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>
/// <c>GET /events</c>: what <c>/ws</c> gives, where WebSockets do not get through. The connection is of the same kind, with the
/// response body as its transport. docs/protocol.md is for those who write clients.
/// </summary>
internal sealed class EventsEndpoint(
    SubscriptionHub hub, Admission admission, ConnectionRegistry connections, NameRules rules, OriginRules origins, Authenticator authenticator,
    TimeProvider time, IOptions<LimitsOptions> limits, IOptions<SubscriptionsOptions> subscriptions, ILogger<Connection> logger)
{
    private readonly Name[] defaults = [.. subscriptions.Value.Default.Select(Name.Parse)];

    /// <summary>Answers one request; for a stream, when it has ended.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (origins.Check(context) is { } foreign)
        {
            await CrossOrigin.Refusal(foreign).ExecuteAsync(context);
            return;
        }
        var (caller, unknown) = await authenticator.AuthenticateAsync(context);
        if (unknown is { Kind: AccessRefusalKind.Unavailable })
        {
            await ComeBackAsync(context, AccessRefusalExtensions.RetryAfterSeconds, unknown.Message);
            return;
        }
        if ((unknown ?? authenticator.RequireAuthentication(caller!, caller!.Subscribe)) is { } unidentified)
        {
            await unidentified.ToProblem(context).ExecuteAsync(context);
            return;
        }
        if (Refusal(context, caller!.Subscribe, out var names) is { } refusal)
        {
            await refusal.ExecuteAsync(context);
            return;
        }
        var address = admission.AddressOf(context);
        if (admission.TryEnter(address) is { } full)
        {
            await ComeBackAsync(context, full.RetryAfter, full.Text);
            return;
        }
        try
        {
            await StreamAsync(context, caller, names, address);
        }
        finally
        {
            admission.Leave(address);
        }
    }

    /// <summary>What the visitor did wrong: EventSource does not try again after such a status, and is not to.</summary>
    private ProblemHttpResult? Refusal(HttpContext context, Grant grant, out List<RequestedName> names)
    {
        names = [];
        if (!NamesInQuery.TryRead(context.Request.QueryString, out var asked, out var after, out var last))
            return TypedResults.Problem("a name in the address is not UTF-8", statusCode: StatusCodes.Status400BadRequest);
        if (last.Exists(static count => count.Length > 0 && !TryReadCount(count, out _)))
            return TypedResults.Problem("last is a number of messages: 0, 1, 2 …", statusCode: StatusCodes.Status400BadRequest);
        if (RefusalOfAll(asked, grant) is { } refused)
            return TypedResults.Problem(refused.Message, statusCode: StatusOf(refused.Kind));
        var byDefault = defaults.Where(name => grant.Check(name) is null && !asked.Contains(name));
        // The nth "after", and the nth "last", belong to the nth name of the address. A name that is there twice is one name.
        names = [
            .. asked.Select((name, n) => new RequestedName(name, new ReplayRequest(Nth(after, n), TryReadCount(Nth(last, n), out var count) ? count : null))).DistinctBy(one => one.Name),
            .. byDefault.Select(name => new RequestedName(name, default))];
        if (names.Count == 0)
            return TypedResults.Problem("say what to hear: /events?channel=… or ?pattern=…", statusCode: StatusCodes.Status400BadRequest);
        // It is later than what the address says: a browser sends it when it comes back by itself.
        if (names.Count == 1 && context.Request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } lastId)
            names[0] = names[0] with { Replay = names[0].Replay with { After = lastId } };
        return null;
    }

    private static string? Nth(List<string> values, int n) => n < values.Count && values[n].Length > 0 ? values[n] : null;

    private static bool TryReadCount(string? text, out int count) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count);

    /// <summary>
    /// Why none of the names can be had, with the first one's reason; null where one can. Then the others are told of in the stream, each by
    /// itself, as on a WebSocket: a page does not go deaf for one name.
    /// </summary>
    private NameRefusal? RefusalOfAll(List<Name> asked, Grant grant)
    {
        NameRefusal? first = null;
        foreach (var name in asked)
        {
            if ((rules.Check(name) ?? grant.Check(name)) is not { } refusal)
                return null;
            first ??= refusal;
        }
        return first;
    }

    private static int StatusOf(RefusalKind kind) =>
        kind == RefusalKind.Malformed ? StatusCodes.Status400BadRequest : StatusCodes.Status403Forbidden;

    /// <summary>What the node cannot do now: EventSource would never come back after a 503, so it is told within a stream.</summary>
    private static Task ComeBackAsync(HttpContext context, int retryAfter, string text)
    {
        BeginStream(context);
        var error = EventStream.Format.Frame(new ServerObject { Type = ServerTypes.Error, Code = Codes.Overloaded, Message = text });
        return context.Response.WriteAsync(
            string.Create(CultureInfo.InvariantCulture, $"retry: {retryAfter * 1000}\n{Encoding.UTF8.GetString(error)}"));
    }

    private async Task StreamAsync(HttpContext context, Caller caller, List<RequestedName> names, ClientAddress address)
    {
        BeginStream(context);
        await context.Response.StartAsync();
        var format = names.Count == 1 ? EventStream.OfOneName : EventStream.Format;
        var socket = context.Features.Get<IConnectionSocketFeature>()?.Socket;
        var transport = new StreamTransport(context.Response.Body, socket, isShared: HttpProtocol.IsHttp2(context.Request.Protocol));
        var connection = new Connection(transport, format, context.Abort, time, logger) { Address = address };
        connection.Access = caller.IsAnonymous ? null : new ConnectionAccess(caller);
        var held = new ClientSubscriptions(connection, caller.Subscribe, hub, rules, limits.Value);
        using var confirmed = new JsonSubscriptions(connection, format, held, limits.Value);
        try
        {
            connections.Add(connection);
            if (authenticator.CheckDisconnected(caller) is { } refusal)
                _ = connection.CloseAsync(refusal.ToClose());
            connection.Post(() => connection.Send(format.KeepAlive));
            foreach (var (name, replay) in names)
                confirmed.Subscribe(name, replay: replay);
            await Task.WhenAny(connection.Closed, EndOf(context));
        }
        finally
        {
            await connection.RetireAsync();
            held.Clear();
            connections.Remove(connection);
        }
    }

    private static void BeginStream(HttpContext context)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        response.Headers["X-Accel-Buffering"] = "no";      // nginx would keep the events back
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        // A client that reads slowly is no attack here, and a quiet one neither; liveness is ours (see Liveness).
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
    }

    private static Task EndOf(HttpContext context)
    {
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        context.RequestAborted.Register(static state => ((TaskCompletionSource)state!).TrySetResult(), end);
        return end.Task;
    }

    private readonly record struct RequestedName(Name Name, ReplayRequest Replay);
}

internal static class EventsRoute
{
    public static void MapEvents(this WebApplication app)
    {
        app.MapGet("/events", static (HttpContext context, EventsEndpoint events) => events.HandleAsync(context))
            .WithSummary("Messages as server-sent events")
            .WithDescription("Each event's data is a JSON object of the protocol notifier.v1.")
            .WithParameter(ParameterLocation.Query, "channel", "A channel to hear; as often as wanted.", isRepeated: true)
            .WithParameter(ParameterLocation.Query, "pattern", "A pattern to hear; as often as wanted.", isRepeated: true)
            .WithParameter(ParameterLocation.Query, "after", "The position of the nth name, or empty.", isRepeated: true)
            .WithParameter(ParameterLocation.Query, "last", "How many of the latest messages of the nth name, or empty.", isRepeated: true)
            .Produces<string>(StatusCodes.Status200OK, "text/event-stream")
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status401Unauthorized)
            .ProducesProblem(StatusCodes.Status403Forbidden);
        app.MapMethods("/events", [HttpMethods.Options], CrossOrigin.Preflight).ExcludeFromDescription();
    }
}
