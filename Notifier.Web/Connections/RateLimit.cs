using System.Threading.RateLimiting;

namespace Notifier.Connections;

/// <summary>
/// A rate limit with bursts: .NET's token bucket without its timer, because each connection would need a timer. Thread-safe.
/// </summary>
/// <param name="perSecond">Permits a second in the long run; at least 1.</param>
/// <param name="burst">Permits at once; at least 1.</param>
internal sealed class RateLimit(int perSecond, int burst) : IDisposable
{
    /// <summary>How often a second the bucket may be refilled.</summary>
    private const int StepsPerSecond = 100;

    private volatile bool hasBegun;
    private TokenBucketRateLimiter? bucket;

    /// <summary>
    /// Acquires a permit. The first one is free: most connections send only one command, and so need no bucket.
    /// </summary>
    /// <returns>False when the limit is reached.</returns>
    public bool TryAcquire()
    {
        if (!hasBegun)
        {
            hasBegun = true;
            return true;
        }
        LazyInitializer.EnsureInitialized(ref bucket, Fill);
        bucket.TryReplenish();
        using var lease = bucket.AttemptAcquire();
        return lease.IsAcquired;
    }

    public void Dispose() => bucket?.Dispose();

    private TokenBucketRateLimiter Fill()
    {
        var step = Math.Max(1, perSecond / StepsPerSecond);
        return new(new TokenBucketRateLimiterOptions
        {
            AutoReplenishment = false,
            TokenLimit = burst,
            TokensPerPeriod = step,
            ReplenishmentPeriod = TimeSpan.FromSeconds((double)step / perSecond),
            QueueLimit = 0,
        });
    }
}
