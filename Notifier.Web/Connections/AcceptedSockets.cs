using System.Net;
using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Connections;

/// <summary>
/// Limits the TCP connections of one address, whatever is sent on them: otherwise one visitor could occupy all that the node accepts, and each has what arrived of
/// its next request in memory. Proxies that are configured have no limit. Thread-safe.
/// </summary>
internal sealed partial class AcceptedSockets
{
    /// <summary>TCP connections beyond Limits:Connections, to answer with the reason and to serve pages.</summary>
    public const int Spare = 1_000;

    /// <summary>Sockets that any address may have, for the same reason.</summary>
    private const int SparePerAddress = 100;

    /// <summary>For each of its connections, an address may have one more socket: for files, and for a connection that replaces another one.</summary>
    private const int SocketsPerConnection = 2;

    private readonly ForwardedHeadersOptions proxies;
    private readonly LogThrottle refusals;
    private readonly ILogger<AcceptedSockets> logger;
    private readonly int total;
    private readonly int perAddress;
    private readonly bool mayBeProxies;

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

    /// <summary>Whose limits count. Unknown for a Unix socket, and for configured proxies: they have none.</summary>
    public ClientAddress AddressOf(EndPoint? peer) => peer is IPEndPoint { Address: var ip } && !IsProxy(ip) ? ClientAddress.From(ip, mayBeProxies) : default;

    /// <summary>Counts a connection until <see cref="Leave"/>, or refuses it.</summary>
    public bool TryEnter(ClientAddress address)
    {
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

    public void Leave(ClientAddress address)
    {
        lock (gate)
        {
            all--;
            if (!address.IsUnknown && --addresses[address] == 0)
                addresses.Remove(address);
        }
    }

    private bool IsProxy(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        return proxies.KnownProxies.Contains(address) || proxies.KnownIPNetworks.Any(network => network.Contains(address));
    }

    private static partial class Log
    {
        [LoggerMessage(5, LogLevel.Warning, "{Count} TCP connections were refused since the last such warning: {Who} has {Limit} already. If that is the "
            + "address of a proxy, set ForwardedHeaders:KnownProxies or ForwardedHeaders:KnownNetworks; see docs/proxies.md.")]
        public static partial void Refused(ILogger logger, int count, string who, int limit);
    }
}
