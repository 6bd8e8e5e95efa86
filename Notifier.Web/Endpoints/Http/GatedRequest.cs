using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Notifier.Access;
using Notifier.Configuration;
using Notifier.Connections;

namespace Notifier.Endpoints.Http;

/// <summary>A request that <see cref="RequestGate"/> let through, and the permits that it has until it ends. For one thread at a time.</summary>
/// <param name="gate">The gate.</param>
/// <param name="owner">The owner that is known before the caller is authenticated.</param>
internal sealed class GatedRequest(RequestGate gate, ResourceOwner owner) : IDisposable
{
    /// <summary>Whose permits the request uses.</summary>
    public ResourceOwner Owner { get; private set; } = owner;

    public List<RateLimitLease> Leases { get; } = [];

    public static GatedRequest Of(HttpContext context) => context.Features.GetRequiredFeature<GatedRequest>();

    /// <summary>The caller was authenticated: a subject has a limit of its own. Returns the answer if the limit is reached.</summary>
    public ProblemHttpResult? Identify(HttpContext context, Caller caller)
    {
        if (caller.Subject is null || Owner.IsBackend)
            return null;
        Owner = ResourceOwner.Of(Owner.Address, caller);
        return gate.Rates.CheckRate(Owner) is { } refusal ? gate.Refuse(context, refusal) : null;
    }

    /// <summary>Reserves more memory for the request. Returns the refusal if the node has none left.</summary>
    public ProblemHttpResult? Reserve(HttpContext context, long bytes) =>
        gate.Memory.Reserve(Owner, bytes, Leases) is { } refusal ? gate.Refuse(context, refusal) : null;

    /// <summary>Before a body is read. Returns the refusal if bodies of the owner cost too much.</summary>
    public ProblemHttpResult? CheckBodies(HttpContext context) => gate.Rates.CheckBodies(Owner) is { } refusal ? gate.Refuse(context, refusal) : null;

    /// <summary>A body was refused after so many bytes of it were read.</summary>
    public void ChargeBody(long bytes) => gate.Rates.ChargeBody(Owner, bytes);

    /// <summary>A body was refused after all of it was read.</summary>
    public ProblemHttpResult ChargeRefused(byte[] body, ProblemHttpResult refusal)
    {
        gate.Rates.ChargeRefused(Owner, body.Length);
        return refusal;
    }

    /// <summary>Counts the messages of an array. Returns the refusal if there are too many.</summary>
    public ProblemHttpResult? CountMessages(HttpContext context, int messages) =>
        gate.Rates.CheckMessages(Owner, messages) is { } refusal ? gate.Refuse(context, refusal) : null;

    /// <summary>Counts the bytes that the caller publishes. Returns the refusal if a limit is reached.</summary>
    public ProblemHttpResult? CountPublished(HttpContext context, long bytes) =>
        gate.Rates.CheckPublish(Owner, bytes) is { } refusal ? gate.Refuse(context, refusal) : null;

    public CancellationTokenSource StartBodyTimeout() => new(gate.BodyTimeout, gate.Time);

    public void Dispose() => Leases.ForEach(static lease => lease.Dispose());
}

/// <summary>The memory of a node for request bodies and history pages (<c>Limits:RequestBytes</c>). Thread-safe.</summary>
internal sealed class RequestMemory : IDisposable
{
    private const int BytesPerPermit = 1024;

    private readonly int total;
    private readonly SharedPermits permits;

    public RequestMemory(LimitsOptions limits)
    {
        // A share is large enough for the largest request. So it may be larger than a fair share, and the node's memory larger than configured.
        var largest = RequestBody.LargestWeight * Math.Max(RequestBody.MaxBytesOfArray(limits), limits.NamesBytes) + BytesPerPermit;
        var bytes = Math.Max(limits.RequestBytes, 2 * largest);
        total = Permits(bytes);
        permits = new(total, owner => Permits(Math.Max(owner.ShareOf(bytes), largest)));
    }

    /// <summary>Reserves memory until the leases are disposed, or refuses it.</summary>
    public AdmissionRefusal? Reserve(ResourceOwner owner, long bytes, List<RateLimitLease> leases) => permits.TryAcquire(owner, Permits(bytes), leases) switch
    {
        Shortage.None => null,
        Shortage.Node => Admission.Busy(AdmissionReason.Memory, $"the requests of this server use {(long)total * BytesPerPermit} bytes (Limits:RequestBytes)"),
        Shortage.Owner => Admission.TooMany(AdmissionReason.Memory, $"{RequestRates.Whose(owner)} uses its share of the memory for requests (Limits:RequestBytes)"),
    };

    public void Dispose() => permits.Dispose();

    private static int Permits(long bytes) => (int)Math.Min((bytes + BytesPerPermit - 1) / BytesPerPermit, int.MaxValue);
}
