using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Connections.Features;

namespace Notifier.Connections;

/// <summary>
/// Delays answers to owners that send far too many requests. A refusal costs about as much as an answer, so a client that ignores refusals must wait for them.
/// Thread-safe.
/// </summary>
internal sealed class Tarpit : IDisposable
{
    /// <summary>Short enough for a health check, and for a client that was only a little too fast.</summary>
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(500);

    /// <summary>How many answers of the node wait at once. Each keeps the headers of its request in memory.</summary>
    private const int Answers = 1_000;

    private readonly OwnerRate prompt;
    private readonly SharedPermits waiting = new(Answers, static owner => (int)owner.ShareOf(Answers));

    /// <param name="promptLimit">How many refusals an owner receives without a delay.</param>
    public Tarpit(Func<ResourceOwner, (int PerSecond, int Burst)> promptLimit) => prompt = new(promptLimit);

    /// <summary>A request was refused, and the answer has not begun. The answer waits if the owner was refused too often.</summary>
    public void OnRefused(HttpContext context, ResourceOwner owner)
    {
        if (!prompt.TryAcquire(owner, 1))
            Slow(context, owner);
    }

    /// <summary>The answer, which has not begun, waits. If too many wait, the connection ends after it, and the client has to open another one.</summary>
    public void Slow(HttpContext context, ResourceOwner owner)
    {
        var leases = new List<RateLimitLease>(2);
        if (waiting.TryAcquire(owner, 1, leases) != Shortage.None)
        {
            // Over HTTP/2, other streams of the connection go on until their own end.
            context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
            return;
        }
        leases.ForEach(context.Response.RegisterForDispose);
        // By the system's clock, as the rates are. A client that leaves frees its place.
        context.Response.OnStarting(static async state =>
            await Task.Delay(Delay, ((HttpContext)state).RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing), context);
    }

    public void Dispose()
    {
        prompt.Dispose();
        waiting.Dispose();
    }
}
