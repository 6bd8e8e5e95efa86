using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Configuration;
using Notifier.Connections;

namespace Notifier.Endpoints.Http;

/// <summary>What <see cref="RequestGate"/> checks before it lets a request through to its route. Routes without this metadata get all checks.</summary>
internal sealed class GateChecks
{
    /// <summary>For WebSockets, event streams (see <see cref="Admission"/>) and health checks.</summary>
    public static GateChecks None { get; } = new();

    /// <summary>For operators, who need a node that is short of memory most.</summary>
    public static GateChecks AllButMemory { get; } = new();
}

/// <summary>
/// Limits all HTTP requests that are not sessions (<see cref="Admission"/>), so that nothing is without limits: how often an address may send any of them, also
/// for files and addresses without a route. And for routes how many requests the node answers at once, how often one owner may send them, and the memory that
/// they use (<see cref="GatedRequest"/>). An API key is recognised before the address is limited, because a backend may send all its
/// requests from one address.
/// </summary>
internal sealed partial class RequestGate : IDisposable
{
    private static readonly PathString Health = "/healthz";
    private static readonly PathString EventStreams = "/events";

    private readonly Admission admission;
    private readonly ApiKeys keys;
    private readonly IOptions<AccessOptions> access;
    private readonly LimitsOptions limits;
    private readonly ILogger<RequestGate> logger;
    private readonly LogThrottle refusals;
    private readonly SharedPermits requests;
    private readonly Tarpit tarpit;

    public RequestGate(
        Admission admission, ApiKeys keys, IOptions<AccessOptions> access, IOptions<LimitsOptions> limits, TimeProvider time, ILogger<RequestGate> logger)
    {
        (this.admission, this.keys, this.access, this.limits, this.logger) = (admission, keys, access, limits.Value, logger);
        Time = time;
        refusals = new LogThrottle(time);
        requests = new(this.limits.Requests, owner => (int)owner.ShareOf(this.limits.Requests));
        Rates = new(this.limits);
        tarpit = new(Rates.OfRequests);
        Memory = new(this.limits);
    }

    public TimeProvider Time { get; }

    /// <summary>How long a client may take to send a body.</summary>
    public TimeSpan BodyTimeout => limits.RequestTimeout;

    public RequestRates Rates { get; }

    public RequestMemory Memory { get; }

    /// <summary>
    /// Passes any request on, or refuses it. Health checks are answered in any case, but not so fast if there are too many: a load balancer may have the same
    /// address as visitors.
    /// </summary>
    public Task CountAsync(HttpContext context, RequestDelegate next)
    {
        RequestBody.LimitUnread(context);
        var path = context.Request.Path;
        if (path.StartsWithSegments(Health))
        {
            if (OwnerOf(context) is var owner && !Rates.TryHealth(owner))
                tarpit.Slow(context, owner);
            else
                MeteredInput.CreditRequest(context);
        }
        else if (Rates.CheckAny(OwnerOf(context)) is not { } refusal)
            MeteredInput.CreditRequest(context);
        else if (path == EventStreams)
            tarpit.Slow(context, OwnerOf(context));     // EventSource would not connect again after 429
        else
            return Refuse(context, refusal).ExecuteAsync(context);
        return next(context);
    }

    /// <summary>Passes the request on to its route, or refuses it.</summary>
    public async Task HandleAsync(HttpContext context, RequestDelegate next)
    {
        var route = context.GetEndpoint();
        var checks = route?.Metadata.GetMetadata<GateChecks>();
        // Without a route, the answer is 404.
        if (route is null || checks == GateChecks.None)
        {
            await next(context);
            return;
        }
        RequestDeadline.Begin(context, Time, limits.RequestDeadline);
        var owner = OwnerOf(context);
        using var request = new GatedRequest(this, owner);
        var refusal = (checks is null && !owner.IsBackend ? admission.CheckMemory() : null) ?? Rates.CheckRate(owner) ?? CheckRoom(request);
        if (refusal is not null)
        {
            await Refuse(context, refusal, owner).ExecuteAsync(context);
            return;
        }
        context.Features.Set(request);
        await next(context);
    }

    /// <summary>Answers with the refusal, and logs it.</summary>
    /// <param name="context">The request.</param>
    /// <param name="refusal">The reason.</param>
    /// <param name="owner">Whose request it is; by default as far as it is known.</param>
    public ProblemHttpResult Refuse(HttpContext context, AdmissionRefusal refusal, ResourceOwner? owner = null)
    {
        SlowDown(context, owner);
        if (refusals.ShouldLog(out var count))
            Log.Refused(logger, count, refusal.Text);
        RequestBody.Refuse(context);
        context.Response.Headers.RetryAfter = refusal.RetryAfter.ToString(CultureInfo.InvariantCulture);
        return TypedResults.Problem($"{refusal.Text}; try again after {refusal.RetryAfter} s", statusCode: refusal.Status);
    }

    /// <summary>The request was refused, and the answer has not begun: it waits if there were many before.</summary>
    public void SlowDown(HttpContext context, ResourceOwner? owner = null) =>
        tarpit.OnRefused(context, owner ?? context.Features.Get<GatedRequest>()?.Owner ?? OwnerOf(context));

    public void Dispose()
    {
        requests.Dispose();
        Rates.Dispose();
        tarpit.Dispose();
        Memory.Dispose();
    }

    private AdmissionRefusal? CheckRoom(GatedRequest request) => requests.TryAcquire(request.Owner, 1, request.Leases) switch
    {
        Shortage.None => null,
        Shortage.Node => Admission.Busy(AdmissionReason.Connections, $"this server answers {limits.Requests} requests at once (Limits:Requests)"),
        Shortage.Owner => Admission.TooMany(
            AdmissionReason.Address,
            $"{RequestRates.Whose(request.Owner)} has reached its share of {request.Owner.ShareOf(limits.Requests)} requests at once (Limits:Requests)"),
    };

    /// <summary>The owner before the caller is authenticated.</summary>
    private ResourceOwner OwnerOf(HttpContext context) => ResourceOwner.Of(admission.AddressOf(context), FindBackend(context.Request));

    private Caller? FindBackend(HttpRequest request)
    {
        if (!keys.Any)
            return null;
        var credentials = Credentials.From(request, access.Value.Tokens);
        var backend = credentials.Kind is CredentialsKind.ApiKey or CredentialsKind.Bearer ? keys.Find(credentials.Value) : null;
        if (backend is not null)
            MeteredInput.Exempt(request.HttpContext);
        return backend;
    }

    private static partial class Log
    {
        [LoggerMessage(5, LogLevel.Warning, "{Count} requests were rejected since the last such warning; the latest because {Reason}.")]
        public static partial void Refused(ILogger logger, int count, string reason);
    }
}

internal static class RequestGateSetup
{
    /// <summary>After routing: the gate needs to know the route.</summary>
    public static void UseRequestGate(this WebApplication app)
    {
        var gate = app.Services.GetRequiredService<RequestGate>();
        app.Use((HttpContext context, RequestDelegate next) => gate.HandleAsync(context, next));
    }

    /// <summary>Before anything that answers.</summary>
    public static void UseRequestRate(this WebApplication app)
    {
        var gate = app.Services.GetRequiredService<RequestGate>();
        app.Use((HttpContext context, RequestDelegate next) => gate.CountAsync(context, next));
    }

    public static T WithGate<T>(this T route, GateChecks checks) where T : IEndpointConventionBuilder => route.WithMetadata(checks);
}
