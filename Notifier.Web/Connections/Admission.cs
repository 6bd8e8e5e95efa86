using Microsoft.Extensions.Options;
using Notifier.Access.Origins;
using Notifier.Configuration;

namespace Notifier.Connections;

/// <summary>Why a handshake is not answered with a connection.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="RetryAfter">Seconds (RFC 9110, 10.2.3).</param>
/// <param name="Text">For people: what is full, and the key to set.</param>
/// <param name="Reason">For counting: one of <see cref="Admission.Reasons"/>.</param>
internal sealed record AdmissionRefusal(int Status, int RetryAfter, string Text, int Reason);

/// <summary>
/// Lets clients in, as many as the limits say: of the node, of one address, and a second. Before the handshake is answered, for
/// the node's own state is no visitor's fault, and HTTP has a word for it. Thread-safe.
/// </summary>
internal sealed partial class Admission : IDisposable
{
    public static readonly string[] Reasons = ["draining", "memory", "rate", "connections", "address"];

    private const int PerAddressBehindKnownProxies = 1_000;

    private readonly LimitsOptions limits;
    private readonly int? perAddress;
    private readonly Rate? handshakes;
    private readonly MemoryPressure memory;
    private readonly LogThrottle refusals;
    private readonly ILogger<Admission> logger;

    private readonly Lock gate = new();
    private readonly Dictionary<ClientAddress, int> addresses = [];
    private readonly long[] refused = new long[Reasons.Length];
    private int connections;
    private volatile bool isDraining;

    public Admission(IOptions<LimitsOptions> limits, IOptions<ProxyOptions> proxies, TimeProvider time, ILogger<Admission> logger)
    {
        this.limits = limits.Value;
        this.logger = logger;
        perAddress = this.limits.ConnectionsPerAddress ?? (proxies.Value.IsConfigured ? PerAddressBehindKnownProxies : null);
        if (this.limits.HandshakesPerSecond is { } perSecond)
            handshakes = new Rate(perSecond, burst: perSecond);
        memory = new MemoryPressure(this.limits.MemoryShare, time);
        refusals = new LogThrottle(time);
    }

    /// <summary>Whom the client counts for: nobody while its address may be that of a proxy which thousands share.</summary>
    public ClientAddress AddressOf(HttpContext context) =>
        perAddress is not null && context.Connection.RemoteIpAddress is { } address ? ClientAddress.From(address) : default;

    /// <returns>Null when it is in, until <see cref="Leave"/>.</returns>
    public AdmissionRefusal? TryEnter(ClientAddress address)
    {
        var refusal = CheckDrain() ?? CheckMemory() ?? CheckRate() ?? CheckRoom(address);
        if (refusal is not null)
            Interlocked.Increment(ref refused[refusal.Reason]);
        if (refusal is not null && refusals.IsDue(out var since))
            Log.Refused(logger, since, refusal.Text);
        return refusal;
    }

    public void Leave(ClientAddress address)
    {
        lock (gate)
        {
            connections--;
            if (!address.IsUnknown && --addresses[address] == 0)
                addresses.Remove(address);
        }
    }

    /// <summary>From now on nobody comes in: the process ends.</summary>
    public void Drain() => isDraining = true;

    /// <summary>How many were refused, for each of <see cref="Reasons"/>.</summary>
    public long[] Refusals => [.. refused];

    public bool IsDraining => isDraining;

    public void Dispose() => handshakes?.Dispose();

    private AdmissionRefusal? CheckDrain() => isDraining ? Busy(0, "this server is going away") : null;

    private AdmissionRefusal? CheckMemory() => memory.IsHigh
        ? Busy(1, $"this server uses more than {limits.MemoryShare:0.##} of its memory (Limits:MemoryShare)")
        : null;

    private AdmissionRefusal? CheckRate() => handshakes is null || handshakes.TryTake()
        ? null
        : Busy(2, $"more than {limits.HandshakesPerSecond} handshakes a second (Limits:HandshakesPerSecond)");

    private AdmissionRefusal? CheckRoom(ClientAddress address)
    {
        lock (gate)
        {
            if (connections >= limits.Connections)
                return Busy(3, $"this server has its {limits.Connections} connections (Limits:Connections)");
            if (!address.IsUnknown)
            {
                var ofAddress = addresses.GetValueOrDefault(address);
                if (ofAddress >= perAddress)
                    return TooMany(4, $"one address may have {perAddress} connections (Limits:ConnectionsPerAddress)");
                addresses[address] = ofAddress + 1;
            }
            connections++;
            return null;
        }
    }

    private static AdmissionRefusal Busy(int reason, string text) => new(StatusCodes.Status503ServiceUnavailable, RetryAfter(), text, reason);

    private static AdmissionRefusal TooMany(int reason, string text) => new(StatusCodes.Status429TooManyRequests, RetryAfter(), text, reason);

    /// <summary>Spread, so that not all who were refused come back at once.</summary>
    private static int RetryAfter() => Random.Shared.Next(1, 11);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "{Count} handshakes were refused since this was last said: {Reason}.")]
        public static partial void Refused(ILogger logger, int count, string reason);
    }
}
