using Notifier.Configuration;
using Notifier.Connections;

namespace Notifier.Endpoints.Http;

/// <summary>How much each owner may request in a time. Backends have no such limit. Thread-safe.</summary>
internal sealed class RequestRates(LimitsOptions limits) : IDisposable
{
    /// <summary>How many seconds' worth of requests may come at once.</summary>
    private const int BurstSeconds = 4;

    /// <summary>How many more requests an address may send if most of them are for files and the like, which are cheap.</summary>
    private const int AnyRequestFactor = 10;

    /// <summary>How many of the largest payloads one owner may publish at once.</summary>
    private const int PayloadsAtOnce = 8;

    /// <summary>In chunks of one byte, they take a few milliseconds.</summary>
    private const int BytesPerRequest = 16 * 1024;

    /// <summary>More bytes than Redis needs for a message besides its payload, if its channel is new and has 255 bytes.</summary>
    private const int MaxBesidesPayload = 8 * 1024;

    /// <summary>The bytes that an array of the most messages needs on a durable channel, if they are small.</summary>
    private const int SmallMessagesAtOnce = 512 * 1024;

    private readonly OwnerRate requestRate = new(owner => OfRequests(limits, owner));
    private readonly OwnerRate healthRate = new(owner => OfRequests(limits, owner));
    private readonly OwnerRate anyRate = new(owner => (AnyPerSecond(limits, owner), AnyPerSecond(limits, owner) * BurstSeconds));
    private readonly OwnerRate publishRate = new(owner => (
        owner.RateOf(limits.PublishBytesPerSecond),
        Math.Max(owner.RateOf(limits.PublishBytesPerSecond) * BurstSeconds, Math.Max((limits.PayloadBytes + MaxBesidesPayload) * PayloadsAtOnce, SmallMessagesAtOnce))));

    public (int PerSecond, int Burst) OfRequests(ResourceOwner owner) => OfRequests(limits, owner);

    /// <returns>False if there are too many health checks. They are answered all the same.</returns>
    public bool TryHealth(ResourceOwner owner) => healthRate.TryAcquire(owner, 1);

    /// <summary>Counts a request of any kind, or refuses it.</summary>
    public AdmissionRefusal? CheckAny(ResourceOwner owner) => anyRate.TryAcquire(owner, 1)
        ? null
        : Admission.TooMany(
            AdmissionReason.Rate,
            $"your address may send {AnyPerSecond(limits, owner)} requests a second, including those for files ({AnyRequestFactor} times Limits:RequestsPerSecond)");

    /// <summary>Counts requests of the owner, or refuses them.</summary>
    public AdmissionRefusal? CheckRate(ResourceOwner owner, int count = 1) => requestRate.TryAcquire(owner, count) ? null : TooFast(owner);

    /// <summary>Counts the messages of one request, or refuses them. One of them was already counted as a request.</summary>
    public AdmissionRefusal? CheckMessages(ResourceOwner owner, int messages) => messages > 1 ? CheckRate(owner, messages - 1) : null;

    /// <summary>Counts the bytes that the owner publishes, or refuses them.</summary>
    public AdmissionRefusal? CheckPublish(ResourceOwner owner, long bytes) => publishRate.TryAcquire(owner, (int)Math.Min(bytes, int.MaxValue))
        ? null
        : Admission.TooMany(
            AdmissionReason.Rate,
            $"{Whose(owner)} may publish {owner.RateOf(limits.PublishBytesPerSecond)} bytes a second (Limits:PublishBytesPerSecond)");

    /// <summary>Refuses an owner whose names took too long to check.</summary>
    public AdmissionRefusal? CheckNames(ResourceOwner owner) => requestRate.IsExhausted(owner)
        ? Admission.TooMany(AdmissionReason.Rate, $"{Whose(owner)} has used its time for checking names (Limits:RequestsPerSecond)")
        : null;

    /// <summary>
    /// Counts the processor time that names took to check as requests: one for each millisecond. Nearly all names take microseconds, and only unusual patterns and grants
    /// are expensive to compare. A part of a millisecond counts as a whole one as often as it is long, so that many short times count as well.
    /// </summary>
    public void ChargeNames(ResourceOwner owner, TimeSpan time)
    {
        if ((int)(time.TotalMilliseconds + Random.Shared.NextDouble()) is > 0 and var permits)
            requestRate.Charge(owner, permits);
    }

    /// <summary>Refuses an owner who has sent too much of bodies that were refused after they were read.</summary>
    public AdmissionRefusal? CheckBodies(ResourceOwner owner) => requestRate.IsInDebt(owner)
        ? Admission.TooMany(AdmissionReason.Rate, $"{Whose(owner)} has sent too many bytes that were refused (Limits:RequestsPerSecond)")
        : null;

    /// <summary>Counts a body that was not read to its end as requests.</summary>
    public void ChargeBody(ResourceOwner owner, long bytes) => requestRate.Charge(owner, (int)(bytes / BytesPerRequest) + 1);

    /// <summary>Counts a body that was read and then refused as further requests. A small one costs no more than its request, which was counted.</summary>
    public void ChargeRefused(ResourceOwner owner, long bytes) => requestRate.Charge(owner, (int)(bytes / BytesPerRequest));

    /// <summary>For messages that begin with the owner.</summary>
    public static string Whose(ResourceOwner owner) => owner.Subject is null ? "your address" : "your subject";

    public void Dispose()
    {
        requestRate.Dispose();
        healthRate.Dispose();
        anyRate.Dispose();
        publishRate.Dispose();
    }

    private AdmissionRefusal TooFast(ResourceOwner owner) => Admission.TooMany(
        AdmissionReason.Rate,
        $"{Whose(owner)} may send {owner.RateOf(limits.RequestsPerSecond)} requests a second, and {BurstSeconds} times as many at once (Limits:RequestsPerSecond)");

    private static (int PerSecond, int Burst) OfRequests(LimitsOptions limits, ResourceOwner owner) =>
        (owner.RateOf(limits.RequestsPerSecond), owner.RateOf(limits.RequestsPerSecond) * BurstSeconds);

    private static int AnyPerSecond(LimitsOptions limits, ResourceOwner owner) => owner.RateOf(limits.RequestsPerSecond) * AnyRequestFactor;
}
