using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Connections;

/// <summary>
/// Limits the TCP connections of one address, whatever is sent on them: otherwise one visitor could occupy all that the node accepts, and each has what arrived of
/// its next request in memory. And the bytes over TLS that no request uses. Proxies that are configured have no limit. Thread-safe.
/// </summary>
internal sealed partial class AcceptedSockets : IDisposable
{
    /// <summary>TCP connections beyond Limits:Connections, to answer with the reason and to serve pages.</summary>
    public const int Spare = 1_000;

    /// <summary>Sockets that any address may have, for the same reason.</summary>
    private const int SparePerAddress = 100;

    /// <summary>For each of its connections, an address may have one more socket: for files, and for a connection that replaces another one.</summary>
    private const int SocketsPerConnection = 2;

    /// <summary>Bytes for each request that an address may send; see <see cref="Meter"/>.</summary>
    private const int BytesPerRequest = 1024;

    /// <summary>How many seconds' worth of such bytes may come at once.</summary>
    private const int BurstSeconds = 20;

    /// <summary>No client that has sent too much waits longer.</summary>
    private static readonly TimeSpan MaxDebt = TimeSpan.FromSeconds(10);

    private readonly ForwardedHeadersOptions proxies;
    private readonly LogThrottle refusals;
    private readonly ILogger<AcceptedSockets> logger;
    private readonly int total;
    private readonly int perAddress;
    private readonly bool mayBeProxies;
    private readonly OwnerRate unusedBytes;

    private readonly Lock gate = new();
    private readonly Dictionary<ClientAddress, int> addresses = [];
    private int all;

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
        total = limits.Value.Connections + Spare;
        perAddress = admission.ConnectionsPerAddress is { } connections
            ? (int)Math.Min(total, ((long)SocketsPerConnection * connections) + SparePerAddress)
            : (int)FairShare.Of(total, isOneVisitor: false);
    }

    /// <summary>How many TCP connections there are now.</summary>
    public int Count
    {
        get
        {
            lock (gate)
                return all;
        }
    }

    /// <summary>Counts a connection until <see cref="Leave"/>, or refuses it.</summary>
    public bool TryEnter(EndPoint? peer)
    {
        var address = AddressOf(peer);
        int limit;
        lock (gate)
        {
            var count = address.IsUnknown ? 0 : addresses.GetValueOrDefault(address);
            if (count < perAddress && all < total)
            {
                all++;
                if (!address.IsUnknown)
                    addresses[address] = count + 1;
                return true;
            }
            limit = count < perAddress ? total : perAddress;
        }
        if (refusals.ShouldLog(out var refused))
            Log.Refused(logger, refused, limit == total ? "the node" : "their address", limit);
        return false;
    }

    public void Leave(EndPoint? peer)
    {
        var address = AddressOf(peer);
        lock (gate)
        {
            all--;
            if (!address.IsUnknown && --addresses[address] == 0)
                addresses.Remove(address);
        }
    }

    /// <summary>The address of a client. Unknown for a Unix socket, and for configured proxies.</summary>
    private ClientAddress AddressOf(EndPoint? peer) => peer is IPEndPoint { Address: var ip } && !IsProxy(ip) ? ClientAddress.From(ip, mayBeProxies) : default;

    /// <summary>The connection's input with a limit for the address, or null if it has none.</summary>
    public MeteredInput? Meter(ConnectionContext connection) =>
        AddressOf(connection.RemoteEndPoint) is { IsUnknown: false } address ? new(connection, unusedBytes, ResourceOwner.Of(address)) : null;

    public void Dispose() => unusedBytes.Dispose();

    private bool IsProxy(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        return proxies.KnownProxies.Contains(address) || proxies.KnownIPNetworks.Any(network => network.Contains(address));
    }

    private static partial class Log
    {
        [LoggerMessage(5, LogLevel.Warning, "{Count} TCP connections were closed at once since the last such warning, because {Who} has {Limit} others already. If it is the "
            + "address of a proxy, set ForwardedHeaders:KnownProxies or ForwardedHeaders:KnownNetworks; see docs/proxies.md.")]
        public static partial void Refused(ILogger logger, int count, string who, int limit);
    }
}
