using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Options;
using Notifier.Access.Origins;
using Notifier.Configuration;

namespace Notifier.Connections;

/// <summary>Why a connection is not admitted. <see cref="AdmissionReasons"/> has their names in metrics.</summary>
internal enum AdmissionReason
{
    /// <summary>The process ends.</summary>
    Draining,

    /// <summary>The process uses too much memory.</summary>
    Memory,

    /// <summary>Too many handshakes a second.</summary>
    Rate,

    /// <summary>The node has too many connections.</summary>
    Connections,

    /// <summary>The client's address has too many connections.</summary>
    Address,
}

internal static class AdmissionReasons
{
    /// <summary>In the order of the enum.</summary>
    public static readonly string[] Names = [.. Enum.GetValues<AdmissionReason>().Select(NameOf)];

    private static string NameOf(AdmissionReason reason) => reason switch
    {
        AdmissionReason.Draining => "draining",
        AdmissionReason.Memory => "memory",
        AdmissionReason.Rate => "rate",
        AdmissionReason.Connections => "connections",
        AdmissionReason.Address => "address",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, null),
    };
}

/// <summary>A connection is not admitted.</summary>
/// <param name="Reason">For counting.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="RetryAfter">Seconds (RFC 9110, 10.2.3).</param>
/// <param name="Text">For people: which limit was reached, and its configuration key.</param>
internal sealed record AdmissionRefusal(AdmissionReason Reason, int Status, int RetryAfter, string Text);

/// <summary>A connection is admitted.</summary>
/// <param name="Address">The client's address.</param>
/// <param name="EnteredAt">When the client was admitted: a timestamp.</param>
internal readonly record struct AdmissionTicket(ClientAddress Address, long EnteredAt);

/// <summary>
/// Admits as many connections as the limits allow: per node, per address, and per second. Decides before the handshake is answered, because
/// HTTP has status codes for an overloaded server. Thread-safe.
/// </summary>
internal sealed partial class Admission : IDisposable
{
    private const int PerAddressBehindKnownProxies = 1_000;

    /// <summary>A connection that lasts longer is no burden, however many there are.</summary>
    private static readonly TimeSpan Brief = TimeSpan.FromSeconds(10);

    /// <summary>How many seconds' worth of brief connections an address may have at once: far more than requests, whose own limit comes first.</summary>
    private const int BriefBurstSeconds = 20;

    /// <summary>After a mass of clients was disconnected at once, they may connect again soon.</summary>
    private static readonly TimeSpan MaxDebt = TimeSpan.FromSeconds(10);

    private readonly LimitsOptions limits;
    private readonly int? perAddress;
    private readonly RateLimit? handshakes;
    private readonly OwnerRate briefConnections;
    private readonly TimeProvider time;
    private readonly MemoryPressure memory;
    private readonly LogThrottle refusals;
    private readonly ILogger<Admission> logger;

    private readonly Lock gate = new();
    private readonly Dictionary<ClientAddress, int> addresses = [];
    private readonly long[] refused = new long[AdmissionReasons.Names.Length];
    private int connections;
    private volatile bool isDraining;

    public Admission(
        IOptions<LimitsOptions> limits, IOptions<ProxyOptions> proxies, MemoryPressure memory, TimeProvider time, ILogger<Admission> logger)
    {
        this.limits = limits.Value;
        this.memory = memory;
        this.time = time;
        this.logger = logger;
        perAddress = this.limits.ConnectionsPerAddress ?? (proxies.Value.IsConfigured ? PerAddressBehindKnownProxies : null);
        if (this.limits.HandshakesPerSecond is { } perSecond)
            handshakes = new RateLimit(perSecond, burst: perSecond);
        briefConnections = new(
            owner => (owner.RateOf(this.limits.RequestsPerSecond), owner.RateOf(this.limits.RequestsPerSecond) * BriefBurstSeconds), MaxDebt);
        refusals = new LogThrottle(time);
    }

    /// <summary>Connections that one address may have; null if that is not limited.</summary>
    public int? ConnectionsPerAddress => perAddress;

    /// <summary>Whether each visitor has an address of its own. If not, an address may be that of a proxy that thousands of visitors share.</summary>
    public bool KnowsAddresses => perAddress is not null;

    /// <summary>The address of the caller. Unknown for a Unix socket, which has none.</summary>
    public ClientAddress AddressOf(HttpContext context) =>
        context.Connection.RemoteIpAddress is { } address ? ClientAddress.From(address, mayBeProxy: !KnowsAddresses) : default;

    /// <summary>Admits the client, until <see cref="Leave"/>, or refuses it.</summary>
    public bool TryEnter(ClientAddress address, out AdmissionTicket ticket, [NotNullWhen(false)] out AdmissionRefusal? refusal)
    {
        ticket = new(address, time.GetTimestamp());
        refusal = CheckDrain() ?? CheckMemory() ?? CheckBrief(address) ?? CheckRate() ?? CheckRoom(address);
        if (refusal is null)
            return true;
        Interlocked.Increment(ref refused[(int)refusal.Reason]);
        if (refusals.ShouldLog(out var count))
            Log.Refused(logger, count, refusal.Text);
        return false;
    }

    /// <summary>
    /// The connection has ended. Brief ones are charged afterwards: clients that all connect again after an outage stay, and a client that connects again and
    /// again does not.
    /// </summary>
    /// <param name="ticket">Of <see cref="TryEnter"/>.</param>
    public void Leave(AdmissionTicket ticket)
    {
        var address = ticket.Address;
        if (time.GetElapsedTime(ticket.EnteredAt) < Brief)
            briefConnections.Charge(ResourceOwner.Of(address), 1);
        lock (gate)
        {
            connections--;
            if (perAddress is not null && !address.IsUnknown && --addresses[address] == 0)
                addresses.Remove(address);
        }
    }

    /// <summary>Admits no more connections: the process ends.</summary>
    public void StopAccepting() => isDraining = true;

    /// <summary>How many connections are admitted now.</summary>
    public int Connections
    {
        get
        {
            lock (gate)
                return connections;
        }
    }

    /// <summary>How many connections were not admitted, for each of <see cref="AdmissionReasons.Names"/>.</summary>
    public long[] Refusals => [.. refused];

    public bool IsDraining => isDraining;

    /// <summary>A refusal if this node is short of memory.</summary>
    public AdmissionRefusal? CheckMemory() => memory.IsHigh
        ? Busy(AdmissionReason.Memory, $"this server uses more than {limits.MemoryShare:0.###} of its memory (Limits:MemoryShare)")
        : null;

    public static AdmissionRefusal Busy(AdmissionReason reason, string text) =>
        new(reason, StatusCodes.Status503ServiceUnavailable, RetryAfter(), text);

    public static AdmissionRefusal TooMany(AdmissionReason reason, string text) =>
        new(reason, StatusCodes.Status429TooManyRequests, RetryAfter(), text);

    public void Dispose()
    {
        handshakes?.Dispose();
        briefConnections.Dispose();
    }

    private AdmissionRefusal? CheckDrain() => isDraining ? Busy(AdmissionReason.Draining, "this server is shutting down") : null;

    private AdmissionRefusal? CheckBrief(ClientAddress address) => briefConnections.IsExhausted(ResourceOwner.Of(address))
        ? TooMany(AdmissionReason.Rate, "your address opens connections and leaves them at once, again and again (Limits:RequestsPerSecond)")
        : null;

    private AdmissionRefusal? CheckRate() => handshakes is null || handshakes.TryAcquire()
        ? null
        : Busy(AdmissionReason.Rate, $"this server accepts {limits.HandshakesPerSecond} handshakes a second (Limits:HandshakesPerSecond)");

    private AdmissionRefusal? CheckRoom(ClientAddress address)
    {
        lock (gate)
        {
            if (connections >= limits.Connections)
                return Busy(AdmissionReason.Connections, $"this server has reached its limit of {limits.Connections} connections (Limits:Connections)");
            if (perAddress is not null && !address.IsUnknown)
            {
                var ofAddress = addresses.GetValueOrDefault(address);
                if (ofAddress >= perAddress)
                    return TooMany(AdmissionReason.Address, $"your address has reached its limit of {perAddress} connections (Limits:ConnectionsPerAddress)");
                addresses[address] = ofAddress + 1;
            }
            connections++;
            return null;
        }
    }

    /// <summary>Random, so that the clients do not all reconnect at once.</summary>
    private static int RetryAfter() => Random.Shared.Next(1, 11);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "{Count} handshakes were rejected since the last such warning; the latest because {Reason}.")]
        public static partial void Refused(ILogger logger, int count, string reason);
    }
}
