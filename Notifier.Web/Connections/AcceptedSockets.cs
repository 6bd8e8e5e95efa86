using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Connections;

/// <summary>
/// Limits the TCP connections of one address, whatever is sent on them: otherwise one visitor could occupy all that the node accepts. And the bytes over TLS that
/// no request uses. Proxies that are configured have no limit. Thread-safe.
/// </summary>
internal sealed partial class AcceptedSockets : IDisposable
{
    /// <summary>TCP connections beyond Limits:Connections, to answer with the reason and to serve pages.</summary>
    public const int Spare = 1_000;

    /// <summary>Sockets of one address beyond its share of connections, for the same reason.</summary>
    private const int SparePerAddress = 100;

    /// <summary>Bytes for each request that an address may send; see <see cref="Meter"/>.</summary>
    private const int BytesPerRequest = 1024;

    /// <summary>How many seconds' worth of such bytes may come at once.</summary>
    private const int BurstSeconds = 20;

    /// <summary>No client that has sent too much waits longer.</summary>
    private static readonly TimeSpan MaxDebt = TimeSpan.FromSeconds(10);

    private readonly ForwardedHeadersOptions proxies;
    private readonly LogThrottle refusals;
    private readonly ILogger<AcceptedSockets> logger;
    private readonly int perAddress;
    private readonly bool mayBeProxies;
    private readonly OwnerRate unusedBytes;

    private readonly Lock gate = new();
    private readonly Dictionary<ClientAddress, int> addresses = [];

    public AcceptedSockets(
        Admission admission, IOptions<LimitsOptions> limits, IOptions<ForwardedHeadersOptions> proxies, TimeProvider time, ILogger<AcceptedSockets> logger)
    {
        this.proxies = proxies.Value;
        this.logger = logger;
        refusals = new LogThrottle(time);
        mayBeProxies = !admission.KnowsAddresses;
        unusedBytes = new(
            owner =>
            {
                var bytes = (long)BytesPerRequest * owner.RateOf(limits.Value.RequestsPerSecond);
                return ((int)Math.Min(bytes, int.MaxValue), (int)Math.Min(bytes * BurstSeconds, int.MaxValue));
            },
            MaxDebt);
        Total = limits.Value.Connections + Spare;
        perAddress = Math.Max((int)FairShare.Of(Total, admission.KnowsAddresses), (admission.ConnectionsPerAddress ?? 0) + SparePerAddress);
    }

    /// <summary>TCP connections of the node.</summary>
    public int Total { get; }

    /// <summary>Counts a connection until <see cref="Leave"/>, or refuses it.</summary>
    public bool TryEnter(EndPoint? peer, out ClientAddress address)
    {
        address = peer is IPEndPoint { Address: var ip } && !IsProxy(ip) ? ClientAddress.From(ip, mayBeProxies) : default;
        if (address.IsUnknown)
            return true;
        lock (gate)
        {
            var count = addresses.GetValueOrDefault(address);
            if (count < perAddress)
            {
                addresses[address] = count + 1;
                return true;
            }
        }
        if (refusals.ShouldLog(out var refused))
            Log.Refused(logger, refused, perAddress);
        return false;
    }

    public void Leave(ClientAddress address)
    {
        if (address.IsUnknown)
            return;
        lock (gate)
        {
            if (--addresses[address] == 0)
                addresses.Remove(address);
        }
    }

    /// <summary>The connection's input with a limit for the address, or null if it has none.</summary>
    public MeteredInput? Meter(ConnectionContext connection, ClientAddress address) =>
        address.IsUnknown ? null : new(connection, unusedBytes, ResourceOwner.Of(address));

    public void Dispose() => unusedBytes.Dispose();

    private bool IsProxy(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        return proxies.KnownProxies.Contains(address) || proxies.KnownIPNetworks.Any(network => network.Contains(address));
    }

    private static partial class Log
    {
        [LoggerMessage(5, LogLevel.Warning, "{Count} TCP connections were closed at once since the last such warning, because their address has {Limit} others. If it is the "
            + "address of a proxy, set ForwardedHeaders:KnownProxies or ForwardedHeaders:KnownNetworks; see docs/proxies.md.")]
        public static partial void Refused(ILogger logger, int count, int limit);
    }
}
