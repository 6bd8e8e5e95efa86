using System.Threading.RateLimiting;

namespace Notifier.Connections;

/// <summary>
/// So many a second in the long run, and so many at once: the library's token bucket without its timer, of which there would
/// be one for each connection. Thread-safe.
/// </summary>
/// <param name="perSecond">At least 1.</param>
/// <param name="burst">At least 1.</param>
internal sealed class Rate(int perSecond, int burst) : IDisposable
{
    /// <summary>In how many steps a second tokens come, at most.</summary>
    private const int StepsPerSecond = 100;

    private volatile bool hasBegun;
    private TokenBucketRateLimiter? bucket;

    /// <summary>
    /// False when it is too much; then nothing is taken. The first is free: most connections ask for one thing, and then there
    /// is no bucket.
    /// </summary>
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
