using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Connections;

/// <summary>How many bytes over TLS that no request uses each address may send; see <see cref="MeteredInput"/>. Thread-safe.</summary>
internal sealed class TlsInputRate(IOptions<LimitsOptions> limits) : IDisposable
{
    /// <summary>So many bytes for each request that the address may send.</summary>
    private const int BytesPerRequest = 1024;

    /// <summary>How many seconds' worth of bytes may come at once.</summary>
    private const int BurstSeconds = 20;

    /// <summary>No client that has sent too much waits longer.</summary>
    private static readonly TimeSpan MaxDebt = TimeSpan.FromSeconds(10);

    private readonly OwnerRate rate = new(
        owner =>
        {
            var bytes = (long)BytesPerRequest * owner.RateOf(limits.Value.RequestsPerSecond);
            return ((int)Math.Min(bytes, int.MaxValue), (int)Math.Min(bytes * BurstSeconds, int.MaxValue));
        },
        MaxDebt);

    /// <summary>What the connection receives, with the limit of the address.</summary>
    public MeteredInput Limit(ConnectionContext connection, ClientAddress address) => new(connection, rate, ResourceOwner.Of(address));

    public void Dispose() => rate.Dispose();
}
