using System.Threading.RateLimiting;

namespace Notifier.History.Durable;

/// <summary>
/// Limits how many pages are read for clients at once, because a page is in memory before its client has room for it. No owner delays the others: it has
/// only a few turns at a time. Thread-safe.
/// </summary>
internal sealed class ReadTurns : IDisposable
{
    public const int ForAll = 8;
    public const int ForOneOwner = 2;

    /// <summary>Created with the first page: its timer would run in servers without durable channels too.</summary>
    private readonly Lazy<PartitionedRateLimiter<object>> turns = new(static () => PartitionedRateLimiter.CreateChained(
        PartitionedRateLimiter.Create<object, object>(static owner => RateLimitPartition.GetConcurrencyLimiter(owner, static _ => AtOnce(ForOneOwner))),
        PartitionedRateLimiter.Create<object, int>(static _ => RateLimitPartition.GetConcurrencyLimiter(0, static _ => AtOnce(ForAll)))));

    /// <summary>Waits for a turn, which ends when it is disposed.</summary>
    /// <param name="owner">Whose turn it is, compared by value.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="OperationCanceledException">The waiting has ended, or the process ends.</exception>
    public async Task<RateLimitLease> AcquireAsync(object owner, CancellationToken cancellation)
    {
        try
        {
            return await turns.Value.AcquireAsync(owner, 1, cancellation);
        }
        catch (ObjectDisposedException error)
        {
            throw new OperationCanceledException("The process ends.", error);
        }
    }

    public void Dispose()
    {
        if (turns.IsValueCreated)
            turns.Value.Dispose();
    }

    private static ConcurrencyLimiterOptions AtOnce(int pages) => new() { PermitLimit = pages, QueueLimit = int.MaxValue };
}
