using System.Threading.RateLimiting;

namespace Notifier.Connections;

/// <summary>
/// So many a second in the long run, and so many at once: the library's token bucket without its timer, of which there would
/// be one for each connection. Thread-safe.
/// </summary>
internal sealed class Rate : IDisposable
{
    /// <summary>In how many steps a second tokens come, at most.</summary>
    private const int StepsPerSecond = 100;

    private readonly TokenBucketRateLimiter bucket;

    /// <param name="perSecond">At least 1.</param>
    /// <param name="burst">At least 1.</param>
    public Rate(int perSecond, int burst)
    {
        var step = Math.Max(1, perSecond / StepsPerSecond);
        bucket = new TokenBucketRateLimiter(new TokenBucketRateLimiterOptions
        {
            AutoReplenishment = false,
            TokenLimit = burst,
            TokensPerPeriod = step,
            ReplenishmentPeriod = TimeSpan.FromSeconds((double)step / perSecond),
            QueueLimit = 0,
        });
    }

    /// <summary>False when it is too much; then nothing is taken.</summary>
    public bool TryTake()
    {
        bucket.TryReplenish();
        using var lease = bucket.AttemptAcquire();
        return lease.IsAcquired;
    }

    public void Dispose() => bucket.Dispose();
}
