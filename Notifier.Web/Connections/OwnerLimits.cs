using System.Collections.Concurrent;
using System.Diagnostics;
using System.Threading.RateLimiting;

namespace Notifier.Connections;

/// <summary>Who lacks permits.</summary>
internal enum Shortage
{
    None,

    /// <summary>The node has no more.</summary>
    Node,

    /// <summary>The owner has its share.</summary>
    Owner,
}

/// <summary>Permits of the node, of which each owner may have a share at once. Thread-safe. Owners without permits use no memory.</summary>
/// <param name="total">The permits of the node.</param>
/// <param name="shareOf">The share of an owner; backends have no share of their own.</param>
internal sealed class SharedPermits(int total, Func<ResourceOwner, int> shareOf) : IDisposable
{
    private readonly ConcurrencyLimiter node = new(new() { PermitLimit = total });
    private readonly PartitionedRateLimiter<ResourceOwner> owners = PartitionedRateLimiter.Create<ResourceOwner, ResourceOwner>(owner => owner.IsBackend
        ? RateLimitPartition.GetNoLimiter(owner)
        : RateLimitPartition.GetConcurrencyLimiter(owner, one => new() { PermitLimit = shareOf(one) }));

    /// <param name="owner">For whom.</param>
    /// <param name="permits">How many, all or none.</param>
    /// <param name="leases">Receives what has to be disposed to return the permits.</param>
    public Shortage TryAcquire(ResourceOwner owner, int permits, List<RateLimitLease> leases)
    {
        // The limiters throw if more are requested than there can ever be.
        if (permits > total)
            return Shortage.Node;
        if (!owner.IsBackend && permits > shareOf(owner))
            return Shortage.Owner;
        var ofNode = node.AttemptAcquire(permits);
        if (!ofNode.IsAcquired)
            return Shortage.Node;
        var ofOwner = owners.AttemptAcquire(owner, permits);
        if (!ofOwner.IsAcquired)
        {
            ofNode.Dispose();
            return Shortage.Owner;
        }
        leases.Add(ofNode);
        leases.Add(ofOwner);
        return Shortage.None;
    }

    public void Dispose()
    {
        node.Dispose();
        owners.Dispose();
    }
}

/// <summary>A rate limit of each owner, with bursts; none for backends. Thread-safe. Owners whose bucket is full again use no memory.</summary>
internal sealed class OwnerRate : IDisposable
{
    /// <summary>How often a second a bucket may be refilled.</summary>
    private const int StepsPerSecond = 10;

    /// <summary>With so many, those that are paid are removed.</summary>
    private const int MaxDebts = 1_000;

    private readonly Func<ResourceOwner, (int PerSecond, int Burst)> limitOf;
    private readonly long maxDebt;
    private readonly PartitionedRateLimiter<ResourceOwner> owners;

    /// <summary>Until when an owner has no permits because it was charged more than it had: a timestamp of <see cref="Stopwatch"/>.</summary>
    private readonly ConcurrentDictionary<ResourceOwner, long> debts = [];

    /// <param name="limitOf">The limit of an owner. Must not change.</param>
    /// <param name="maxDebt">How long an owner has no permits at most, however much it was charged; null for as long as the debt is.</param>
    public OwnerRate(Func<ResourceOwner, (int PerSecond, int Burst)> limitOf, TimeSpan? maxDebt = null)
    {
        this.limitOf = limitOf;
        this.maxDebt = maxDebt is { } limit ? (long)(limit.TotalSeconds * Stopwatch.Frequency) : long.MaxValue;
        owners = PartitionedRateLimiter.Create<ResourceOwner, ResourceOwner>(owner => owner.IsBackend
            ? RateLimitPartition.GetNoLimiter(owner)
            : RateLimitPartition.GetTokenBucketLimiter(owner, Bucket));
    }

    /// <returns>False if the owner has too few permits now. Then it keeps them.</returns>
    public bool TryAcquire(ResourceOwner owner, int permits)
    {
        if (!owner.IsBackend && permits > limitOf(owner).Burst)
            return false;
        using var lease = owners.AttemptAcquire(owner, permits);
        return lease.IsAcquired;
    }

    /// <summary>Whether the owner has no permit now.</summary>
    public bool IsExhausted(ResourceOwner owner) => !owner.IsBackend && (IsInDebt(owner) || owners.GetStatistics(owner)?.CurrentAvailablePermits < 1);

    /// <summary>Whether the owner was charged more than it had, and has not paid.</summary>
    public bool IsInDebt(ResourceOwner owner)
    {
        if (!debts.TryGetValue(owner, out var until))
            return false;
        if (Stopwatch.GetTimestamp() < until)
            return true;
        debts.TryRemove(new(owner, until));
        return false;
    }

    /// <summary>
    /// Charges work that is already done. An owner with too few permits is in debt, and gets none until the debt is paid; otherwise a client that sends
    /// one expensive request at a time would pay almost nothing.
    /// </summary>
    public void Charge(ResourceOwner owner, int permits)
    {
        if (owner.IsBackend)
            return;
        var taken = permits;
        while (taken > 0 && !TryAcquire(owner, taken))
            taken = (int)Math.Min(taken - 1, owners.GetStatistics(owner)?.CurrentAvailablePermits ?? 0);
        if (taken >= permits)
            return;
        var now = Stopwatch.GetTimestamp();
        foreach (var (other, until) in debts.Count < MaxDebts ? [] : debts.ToArray())
        {
            if (until <= now)
                debts.TryRemove(new(other, until));
        }
        var more = (permits - Math.Max(0, taken)) * Stopwatch.Frequency / limitOf(owner).PerSecond;
        debts.AddOrUpdate(owner, now + Math.Min(more, maxDebt), (_, until) => now + Math.Min(Math.Max(until - now, 0) + more, maxDebt));
    }

    public void Dispose() => owners.Dispose();

    private TokenBucketRateLimiterOptions Bucket(ResourceOwner owner)
    {
        var (perSecond, burst) = limitOf(owner);
        var step = Math.Max(1, perSecond / StepsPerSecond);
        return new()
        {
            TokenLimit = burst,
            TokensPerPeriod = step,
            ReplenishmentPeriod = TimeSpan.FromSeconds((double)step / perSecond),
        };
    }
}
