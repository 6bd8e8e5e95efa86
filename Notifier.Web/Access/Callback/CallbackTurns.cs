using System.Threading.RateLimiting;
using Notifier.Configuration;

namespace Notifier.Access.Callback;

/// <summary>
/// Limits the concurrent requests to the application, and how many of them callers of one network may have: one caller can invent any number of cookies, and
/// each needs a request. Further callers wait, at most as long as the application may take. Thread-safe.
/// </summary>
internal sealed class CallbackTurns : IDisposable
{
    private readonly PartitionedRateLimiter<string> ofNetwork;
    private readonly SemaphoreSlim ofAll;

    /// <param name="concurrency">How many requests may run at the same time.</param>
    /// <param name="knowsAddresses">
    /// Whether an address is that of a caller. Otherwise it may be that of a proxy, which thousands of callers share.
    /// </param>
    public CallbackTurns(int concurrency, bool knowsAddresses)
    {
        ofAll = new SemaphoreSlim(concurrency);
        var share = new ConcurrencyLimiterOptions
        {
            PermitLimit = (int)FairShare.Of(concurrency, knowsAddresses),
            QueueLimit = int.MaxValue,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        };
        ofNetwork = PartitionedRateLimiter.Create<string, string>(network => RateLimitPartition.GetConcurrencyLimiter(network, _ => share));
    }

    /// <returns>The turn, which the caller disposes.</returns>
    /// <exception cref="OperationCanceledException">The time is up.</exception>
    public async Task<IDisposable> WaitAsync(string network, CancellationToken limit)
    {
        var own = await ofNetwork.AcquireAsync(network, cancellationToken: limit);
        try
        {
            await ofAll.WaitAsync(limit);
            return new Turn(own, ofAll);
        }
        catch       // whatever it is, the turn of the network must not be lost
        {
            own.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        ofNetwork.Dispose();
        ofAll.Dispose();
    }

    private sealed class Turn(RateLimitLease own, SemaphoreSlim ofAll) : IDisposable
    {
        public void Dispose()
        {
            ofAll.Release();
            own.Dispose();
        }
    }
}
