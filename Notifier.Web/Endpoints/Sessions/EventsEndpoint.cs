using System.Globalization;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.OpenApi;
using Notifier.Access;
using Notifier.Connections;
using Notifier.Endpoints.Http;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>
/// <c>GET /events</c>: the same as <c>/ws</c>, for networks that block WebSockets. <c>POST /events</c> has the names in its body. The connection is of the
/// same kind, with the response body as its transport. docs/protocol.md describes the protocol for authors of clients.
/// </summary>
internal sealed class EventsEndpoint(ConnectionHost host, ILogger<Connection> logger)
{
    /// <summary>Answers one request; completes when the stream has ended.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        RequestBody.Refuse(context);    // until it is read
        if (host.Origins.Check(context) is { } originRefusal)
        {
            await CrossOrigin.Refusal(originRefusal).ExecuteAsync(context);
            return;
        }
        // Before the caller is identified and the names are checked, because that takes time and memory.
        if (!host.Admission.TryEnter(host.Admission.AddressOf(context), out var ticket, out var full))
        {
            await ComeBackAsync(context, full.RetryAfter, full.Text);
            return;
        }
        MeteredInput.CreditSession(context);
        try
        {
            await ServeAsync(context, ticket);
        }
        finally
        {
            host.Admission.Leave(ticket);
        }
    }

    private async Task ServeAsync(HttpContext context, AdmissionTicket ticket)
    {
        var (caller, accessRefusal) = await host.Authenticator.AuthenticateAsync(context);
        if (accessRefusal is { Kind: AccessRefusalKind.Unavailable })
        {
            await ComeBackAsync(context, AccessRefusalExtensions.RetryAfterSeconds, accessRefusal.Message);
            return;
        }
        if ((accessRefusal ?? host.Authenticator.RequireAuthentication(caller!, caller!.SubscribeGrant)) is { } unauthenticated)
        {
            await unauthenticated.ToProblem(context).ExecuteAsync(context);
            return;
        }
        // The query is long, and must not stay in memory as long as the stream.
        if (await ReadNamesAsync(context, caller!, ticket.Address) is { } names)
            await StreamAsync(context, caller!, names, ticket);
    }

    /// <returns>Null if the request was refused, and the answer was sent.</returns>
    private async Task<List<RequestedName>?> ReadNamesAsync(HttpContext context, Caller caller, ClientAddress address)
    {
        var query = context.Request.QueryString.Value;
        var owner = ResourceOwner.Of(address, caller);
        if (HttpMethods.IsPost(context.Request.Method))
        {
            var (form, refusal) = await EventsForm.ReadAsync(context, host, owner);
            if (refusal is not null)
            {
                await refusal.ExecuteAsync(context);
                return null;
            }
            query = $"{query}&{form}";
        }
        var began = ThreadTime.Now;
        var isRead = TryReadNames(context, query, caller, out var names, out var problem, out var tooMany);
        host.ChargeTime(owner, ThreadTime.Since(began));
        if (!isRead)
            await (problem is not null ? problem.ExecuteAsync(context) : ComeBackAsync(context, tooMany!.RetryAfter, tooMany.Text));
        return isRead ? names : null;
    }

    /// <summary>Reads the names, and the messages that the client wants of each.</summary>
    /// <param name="context">The request.</param>
    /// <param name="query">The parameters of the address, and of the body.</param>
    /// <param name="caller">The caller.</param>
    /// <param name="names">The names to subscribe to.</param>
    /// <param name="problem">The response to an invalid request. EventSource does not retry after such a status, and should not.</param>
    /// <param name="tooMany">Why the client has to come back later.</param>
    private bool TryReadNames(
        HttpContext context, string? query, Caller caller,
        out List<RequestedName> names, out ProblemHttpResult? problem, out AdmissionRefusal? tooMany)
    {
        var grant = caller.SubscribeGrant;
        (names, problem, tooMany) = ([], null, null);
        var unreadable = NamesInQuery.Read(query, host.Limits, out var read);
        var requested = read.Names;
        if (unreadable is not null)
            problem = BadRequest(unreadable);
        else if (read.Last.Exists(static count => count.Length > 0 && !TryReadCount(count, out _)))
            problem = BadRequest("last must be a number of messages, 0 or more");
        else if (host.CheckNames(host.Admission.AddressOf(context), caller, requested) is { } refusal)
            tooMany = refusal;
        else
            problem = RefusalOfAll(requested, grant) is { } refused ? TypedResults.Problem(refused.Message, statusCode: StatusOf(refused.Kind)) : null;
        if (problem is not null || tooMany is not null)
            return false;
        var byDefault = host.DefaultsFor(grant).Where(name => !requested.Contains(name));
        // The nth "after" and the nth "last" belong to the nth name of the address. Of a repeated name only the first counts.
        names = [
            .. requested
                .Select((name, n) => new RequestedName(name, new RecoveryRequest(Nth(read.After, n), TryReadCount(Nth(read.Last, n), out var count) ? count : null)))
                .DistinctBy(one => one.Name),
            .. byDefault.Select(name => new RequestedName(name, default))];
        if (names.Count == 0)
        {
            problem = BadRequest("missing name: write /events?channel=… or /events?pattern=…");
            return false;
        }
        // A browser sends this when it reconnects, so it is later than the position in the address.
        var lastId = context.Request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } header ? header : read.LastEventId;
        if (names.Count == 1 && lastId is not null)
            names[0] = names[0] with { Recovery = names[0].Recovery with { After = lastId } };
        return true;
    }

    private static ProblemHttpResult BadRequest(string text) => TypedResults.Problem(text, statusCode: StatusCodes.Status400BadRequest);

    private static string? Nth(List<string> values, int n) => n < values.Count && values[n].Length > 0 ? values[n] : null;

    private static bool TryReadCount(string? text, out int count) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count);

    /// <summary>
    /// The first name's refusal when all names are refused; null when one is not. Then each refused name gets an error in the stream, as on a
    /// WebSocket, so that one bad name does not stop the others.
    /// </summary>
    private NameRefusal? RefusalOfAll(List<Name> requested, Grant grant)
    {
        NameRefusal? first = null;
        foreach (var name in requested)
        {
            if (host.Check(name, grant) is not { } refusal)
                return null;
            first ??= refusal;
        }
        return first;
    }

    private static int StatusOf(RefusalKind kind) =>
        kind == RefusalKind.Malformed ? StatusCodes.Status400BadRequest : StatusCodes.Status403Forbidden;

    /// <summary>The node is overloaded. EventSource would never retry after a 503, so the error comes within a stream.</summary>
    private Task ComeBackAsync(HttpContext context, int retryAfter, string text)
    {
        host.SlowDown(context);
        BeginStream(context);
        var error = EventStream.Format.Frame(new ServerObject { Type = ServerTypes.Error, Code = ServerCodes.Overloaded, Message = text });
        byte[] frame = [.. EventStream.Retry(retryAfter), .. error];
        return context.Response.Body.WriteAsync(frame).AsTask();
    }

    private async Task StreamAsync(HttpContext context, Caller caller, List<RequestedName> names, AdmissionTicket ticket)
    {
        BeginStream(context);
        await context.Response.StartAsync();
        var format = names.Count == 1 ? EventStream.OfOneName : EventStream.Format;
        var socket = context.Features.Get<IConnectionSocketFeature>()?.Socket;
        var transport = new StreamTransport(context.Response.Body, socket, isShared: HttpProtocol.IsHttp2(context.Request.Protocol), context.Features.Get<MeteredInput>());
        var connection = new Connection(transport, format, context.Abort, host.Time, logger) { Ticket = ticket };
        RequestHead.Release(context);
        var subscriptions = host.SubscriptionsOf(connection, caller);
        using var confirmed = new JsonSubscriptions(connection, format, subscriptions, host.Limits);
        try
        {
            host.Add(connection, caller, caller.IsAnonymous ? null : new ConnectionAccess(caller, host.Time.GetUtcNow()));
            connection.Post(() => connection.Send(EventStream.Beginning));
            foreach (var (name, request) in names)
                confirmed.Subscribe(name, request: request);
            await Task.WhenAny(connection.Closed, EndOf(context));
        }
        finally
        {
            await connection.RetireAsync();
            host.Remove(connection, subscriptions);
        }
    }

    private static void BeginStream(HttpContext context)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream";
        // A middleware that compresses would hold the events back; no-transform forbids that (RFC 9111, 5.2.2.6).
        response.Headers.CacheControl = "no-store, no-transform";
        response.Headers["X-Accel-Buffering"] = "no";      // or nginx would buffer the events
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        // Neither a slow reader nor a quiet client is an attack here; see Liveness.
        RequestDeadline.Stop(context);
    }

    private static Task EndOf(HttpContext context)
    {
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        context.RequestAborted.Register(static state => ((TaskCompletionSource)state!).TrySetResult(), end);
        return end.Task;
    }

    private readonly record struct RequestedName(Name Name, RecoveryRequest Recovery);
}

internal static class EventsRoute
{
    public static void MapEvents(this WebApplication app)
    {
        app.MapGet("/events", static (HttpContext context, EventsEndpoint events) => events.HandleAsync(context))
            .Described("Messages as server-sent events", "Each event's data is a JSON object of the protocol notifier.v1.")
            .WithParameter(ParameterLocation.Query, "channel", "A channel; may be repeated.", isRepeated: true)
            .WithParameter(ParameterLocation.Query, "pattern", "A pattern; may be repeated.", isRepeated: true)
            .WithParameter(ParameterLocation.Query, "after", "The position of the nth name, or empty.", isRepeated: true)
            .WithParameter(ParameterLocation.Query, "last", "How many of the latest messages of the nth name, or empty.", isRepeated: true)
            .WithParameter(ParameterLocation.Query, "lastEventId", "The position of the only name, like the header Last-Event-ID.")
            .ProducesProblem(StatusCodes.Status414UriTooLong);
        app.MapPost("/events", static (HttpContext context, EventsEndpoint events) => events.HandleAsync(context))
            .Described("Messages as server-sent events, of more names than an address can have", "The same as GET, with the parameters in the body.")
            .WithBody("The parameters of GET /events.", EventsForm.ContentType)
            .ProducesProblem(StatusCodes.Status408RequestTimeout)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .ProducesProblem(StatusCodes.Status429TooManyRequests)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        app.MapMethods("/events", [HttpMethods.Options], CrossOrigin.Preflight).ExcludeFromDescription();
    }

    private static RouteHandlerBuilder Described(this RouteHandlerBuilder route, string summary, string description) => route
        .WithGate(GateChecks.None)
        .WithSummary(summary)
        .WithDescription(description)
        .Produces<string>(StatusCodes.Status200OK, "text/event-stream")
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status401Unauthorized)
        .ProducesProblem(StatusCodes.Status403Forbidden);
}
