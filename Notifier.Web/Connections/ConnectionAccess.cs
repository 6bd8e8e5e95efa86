using Notifier.Access;
using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// The caller of a connection, and until when its access lasts. Only connections with an identified caller, or one that may authenticate
/// later, have this object: for the others it would waste memory. Thread-safe.
/// </summary>
/// <remarks>
/// The current lease is immutable and replaced by compare-and-swap. Either a renewal comes first and the old end is forgotten, or the end
/// comes first and the renewal fails. So a client never hears that its access was renewed and is closed all the same.
/// </remarks>
/// <param name="caller">The caller at first.</param>
/// <param name="id">The connection's public id.</param>
internal sealed class ConnectionAccess(Caller caller, string? id = null)
{
    /// <summary>How long a client may take to authenticate, where anonymous access grants nothing.</summary>
    public static readonly TimeSpan TokenLimit = TimeSpan.FromSeconds(10);

    /// <summary>How long before its access ends a client is notified.</summary>
    public static readonly TimeSpan NoticePeriod = TimeSpan.FromSeconds(60);

    private Lease lease = new(caller, caller.Until);

    public string? Id => id;

    public Caller Caller => Volatile.Read(ref lease).Caller;

    /// <summary>The client gets nothing until it authenticates, and has <see cref="TokenLimit"/> for that. Called before other threads know the object.</summary>
    public void AwaitToken(DateTimeOffset now) => lease = new(caller, now + TokenLimit) { IsWaiting = true };

    /// <summary>Replaces the caller, and until when its access lasts.</summary>
    /// <returns>False when the end came first: the connection is being closed.</returns>
    public bool TryRenew(Caller to)
    {
        var renewed = new Lease(to, to.Until);
        while (true)
        {
            var current = Volatile.Read(ref lease);
            if (current.HasEnded)
                return false;
            if (Interlocked.CompareExchange(ref lease, renewed, current) == current)
                return true;
        }
    }

    /// <summary>What is due now: a notice, a close or nothing; each once. Called by the sweep, which does it.</summary>
    public AccessDue CheckExpiry(DateTimeOffset now)
    {
        var current = Volatile.Read(ref lease);
        if (current.Until is not { } until || current.HasEnded)
            return default;
        if (now >= until)
            return TryReplace(current, current.Ended()) ? new(current.IsWaiting ? CloseReason.NoToken(TokenLimit) : CloseReason.Expired) : default;
        if (current.IsNotified || current.IsWaiting || now < until - NoticePeriod)
            return default;
        var notified = current.Notified();
        return TryReplace(current, notified) ? new(Notice: new(notified, (int)Math.Ceiling((until - now).TotalSeconds))) : default;
    }

    /// <summary>Whether access still ends as the notice says: it may have been renewed before the notice could be sent.</summary>
    public bool IsCurrent(ExpiryNotice notice) => Volatile.Read(ref lease) == notice.Lease;

    private bool TryReplace(Lease current, Lease by) => Interlocked.CompareExchange(ref lease, by, current) == current;

    /// <summary>Compared by reference.</summary>
    private sealed class Lease(Caller caller, DateTimeOffset? until)
    {
        public Caller Caller => caller;

        public DateTimeOffset? Until => until;

        /// <summary>Whether the client still has to authenticate, so that the end is that of <see cref="TokenLimit"/>, not of a token.</summary>
        public bool IsWaiting { get; init; }

        public bool IsNotified { get; private init; }

        public bool HasEnded { get; private init; }

        public Lease Notified() => new(caller, until) { IsWaiting = IsWaiting, IsNotified = true };

        public Lease Ended() => new(caller, until) { IsWaiting = IsWaiting, IsNotified = IsNotified, HasEnded = true };
    }
}

/// <summary>What is due about a connection's access; by default nothing.</summary>
/// <param name="Close">Why the connection has to be closed.</param>
/// <param name="Notice">What the client has to be notified of.</param>
internal readonly record struct AccessDue(CloseReason? Close = null, ExpiryNotice? Notice = null);

/// <summary>Access ends soon. To be sent only while <see cref="ConnectionAccess.IsCurrent"/>.</summary>
/// <param name="Lease">What ends, compared by reference.</param>
/// <param name="Seconds">How soon.</param>
internal readonly record struct ExpiryNotice(object Lease, int Seconds);
