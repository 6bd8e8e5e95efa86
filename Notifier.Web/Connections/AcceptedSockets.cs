using System.Net;
using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Connections;

/// <summary>
/// Limits the TCP connections of one address, whatever is sent on them: otherwise one visitor could occupy all that the node accepts. Proxies that are
/// configured have no limit. Thread-safe.
/// </summary>
internal sealed partial class AcceptedSockets
{
    /// <summary>TCP connections beyond Limits:Connections, to answer with the reason and to serve pages.</summary>
    public const int Spare = 1_000;

    /// <summary>Sockets of one address beyond its share of connections, for the same reason.</summary>
    private const int SparePerAddress = 100;

    private readonly ForwardedHeadersOptions proxies;
    private readonly LogThrottle refusals;
    private readonly ILogger<AcceptedSockets> logger;
    private readonly int perAddress;

    private readonly Lock gate = new();
    private readonly Dictionary<ClientAddress, int> addresses = [];

    public AcceptedSockets(
        Admission admission, IOptions<LimitsOptions> limits, IOptions<ForwardedHeadersOptions> proxies, TimeProvider time, ILogger<AcceptedSockets> logger)
    {
        this.proxies = proxies.Value;
        this.logger = logger;
        refusals = new LogThrottle(time);
        Total = limits.Value.Connections + Spare;
        perAddress = Math.Max((int)FairShare.Of(Total, admission.KnowsAddresses), (admission.ConnectionsPerAddress ?? 0) + SparePerAddress);
    }

    /// <summary>TCP connections of the node.</summary>
    public int Total { get; }

    /// <summary>Counts a connection until <see cref="Leave"/>, or refuses it.</summary>
    public bool TryEnter(EndPoint? peer, out ClientAddress address)
    {
        address = peer is IPEndPoint { Address: var ip } && !IsProxy(ip) ? ClientAddress.From(ip) : default;
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
