using System.Threading.RateLimiting;
using Notifier.Configuration;

namespace Notifier.Access.Callback;

/// <summary>
/// Limits the concurrent requests to the application, and how many of them callers of one network may have: one caller can invent any number of cookies, and
/// each needs a request. Further callers wait, at most as long as the application may take, and only as many as the memory for requests allows. Thread-safe.
/// </summary>
internal sealed class CallbackTurns : IDisposable
{
    private const int BytesPerPermit = 1024;

    private readonly PartitionedRateLimiter<string> ofNetwork;
    private readonly SemaphoreSlim ofAll;
    private readonly PartitionedRateLimiter<string> memoryOfNetwork;
    private readonly PartitionedRateLimiter<string> memoryOfAll;
    private readonly PartitionedRateLimiter<string> memory;
    private readonly int largest;

    /// <param name="concurrency">How many requests may run at the same time.</param>
    /// <param name="memoryBytes">The memory of all requests that run or wait, of which a network has a share too.</param>
    /// <param name="knowsAddresses">
    /// Whether an address is that of a caller. Otherwise it may be that of a proxy, which thousands of callers share.
    /// </param>
    public CallbackTurns(int concurrency, long memoryBytes, bool knowsAddresses)
    {
        ofAll = new SemaphoreSlim(concurrency);
        var share = new ConcurrencyLimiterOptions
        {
            PermitLimit = (int)FairShare.Of(concurrency, knowsAddresses),
            QueueLimit = int.MaxValue,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        };
        ofNetwork = PartitionedRateLimiter.Create<string, string>(network => RateLimitPartition.GetConcurrencyLimiter(network, _ => share));
        largest = Permits(FairShare.Of(memoryBytes, knowsAddresses));
        memoryOfNetwork = PartitionedRateLimiter.Create<string, string>(network => RateLimitPartition.GetConcurrencyLimiter(network, _ => new() { PermitLimit = largest }));
        memoryOfAll = PartitionedRateLimiter.Create<string, string>(_ => RateLimitPartition.GetConcurrencyLimiter("", _ => new() { PermitLimit = Permits(memoryBytes) }));
        memory = PartitionedRateLimiter.CreateChained(memoryOfNetwork, memoryOfAll);
    }

    /// <param name="network">Whose turn it is.</param>
    /// <param name="bytes">The memory of the request.</param>
    /// <param name="limit">Ends the wait.</param>
    /// <returns>The turn, which the caller disposes; null if the requests that wait use too much memory.</returns>
    /// <exception cref="OperationCanceledException">The time is up.</exception>
    public async Task<IDisposable?> WaitAsync(string network, int bytes, CancellationToken limit)
    {
        var turn = new Turn(ofAll, memory.AttemptAcquire(network, Math.Min(Permits(bytes), largest)));
        try
        {
            if (!turn.Memory.IsAcquired)
                return null;
            turn.Own = await ofNetwork.AcquireAsync(network, cancellationToken: limit);
            await ofAll.WaitAsync(limit);
            turn.HasBegun = true;
            return turn;
        }
        finally     // whatever happens, nothing of it must be lost
        {
            if (!turn.HasBegun)
                turn.Dispose();
        }
    }

    public void Dispose()
    {
        ofNetwork.Dispose();
        ofAll.Dispose();
        memory.Dispose();
        memoryOfNetwork.Dispose();
        memoryOfAll.Dispose();
    }

    private static int Permits(long bytes) => (int)Math.Clamp(bytes / BytesPerPermit, 1, int.MaxValue);

    private sealed class Turn(SemaphoreSlim ofAll, RateLimitLease memory) : IDisposable
    {
        public RateLimitLease Memory => memory;

        public RateLimitLease? Own { get; set; }

        public bool HasBegun { get; set; }

        public void Dispose()
        {
            if (HasBegun)
                ofAll.Release();
            Own?.Dispose();
            memory.Dispose();
        }
    }
}
