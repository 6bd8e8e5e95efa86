using Notifier.Access;
using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// The caller of a connection, and until when its access lasts. Anonymous connections that cannot authenticate later have no such object, to
/// save memory. Thread-safe.
/// </summary>
/// <remarks>
/// The current lease is immutable and replaced by compare-and-swap. Either a renewal comes first and the old end is forgotten, or the end
/// comes first and the renewal fails. So no client is told that its access was renewed and is closed nevertheless.
/// </remarks>
/// <param name="caller">The caller at first.</param>
/// <param name="now">When the access began.</param>
/// <param name="id">The connection's public id.</param>
internal sealed class ConnectionAccess(Caller caller, DateTimeOffset now, string? id = null)
{
    /// <summary>How long a client may take to authenticate, where anonymous access grants nothing.</summary>
    public static readonly TimeSpan TokenTimeout = TimeSpan.FromSeconds(10);

    /// <summary>A client is notified when a third of its access is left, but at most this long before the end.</summary>
    public static readonly TimeSpan LongestNotice = TimeSpan.FromSeconds(60);

    /// <summary>The application issues a token for each notice. So short access is renewed no more often than this, as long as there is time enough left.</summary>
    public static readonly TimeSpan ShortestRenewal = TimeSpan.FromSeconds(20);

    /// <summary>A client needs time to get a token.</summary>
    public static readonly TimeSpan ShortestNotice = TimeSpan.FromSeconds(5);

    private Lease lease = new(caller, caller.ExpiresAt, NoticeAt(caller, now));

    public string? Id => id;

    public Caller Caller => Volatile.Read(ref lease).Caller;

    /// <summary>Requires the client to authenticate within <see cref="TokenTimeout"/>. Called before other threads know the object.</summary>
    public void AwaitToken(DateTimeOffset now) => lease = new(caller, now + TokenTimeout, null) { IsWaiting = true };

    /// <summary>Replaces the caller, and the time at which access ends.</summary>
    /// <returns>False if access has ended first: the connection is being closed.</returns>
    public bool TryRenew(Caller to, DateTimeOffset at)
    {
        var renewed = new Lease(to, to.ExpiresAt, NoticeAt(to, at));
        while (true)
        {
            var current = Volatile.Read(ref lease);
            if (current.HasEnded)
                return false;
            if (Interlocked.CompareExchange(ref lease, renewed, current) == current)
                return true;
        }
    }

    /// <summary>What is due now: a notice, a close or nothing, each only once. Called by the sweep, which carries it out.</summary>
    public AccessDue CheckExpiry(DateTimeOffset now)
    {
        var current = Volatile.Read(ref lease);
        if (current.Until is not { } until || current.HasEnded)
            return default;
        if (now >= until)
            return TryReplace(current, current.Ended()) ? new(current.IsWaiting ? CloseReason.NoToken(TokenTimeout) : CloseReason.Expired) : default;
        if (current.NoticeAt is not { } noticeAt || now < noticeAt)
            return default;
        var notified = current.Notified();
        return TryReplace(current, notified) ? new(Notice: new(notified, (int)Math.Ceiling((until - now).TotalSeconds))) : default;
    }

    /// <summary>Whether access still ends as the notice says. It may have been renewed before the notice could be sent.</summary>
    public bool IsCurrent(ExpiryNotice notice) => Volatile.Read(ref lease) == notice.Lease;

    /// <summary>When the client should renew its access; null if it does not expire.</summary>
    private static DateTimeOffset? NoticeAt(Caller caller, DateTimeOffset now)
    {
        if (caller.ExpiresAt is not { } until)
            return null;
        var left = until - now;
        var notice = Min(left / 3, LongestNotice);
        if (left - notice < ShortestRenewal)
            notice = Min(Max(left - ShortestRenewal, ShortestNotice), left / 2);
        return until - notice;

        static TimeSpan Min(TimeSpan one, TimeSpan other) => one < other ? one : other;

        static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
    }

    private bool TryReplace(Lease current, Lease by) => Interlocked.CompareExchange(ref lease, by, current) == current;

    /// <summary>Compared by reference.</summary>
    private sealed class Lease(Caller caller, DateTimeOffset? until, DateTimeOffset? noticeAt)
    {
        public Caller Caller => caller;

        public DateTimeOffset? Until => until;

        /// <summary>When to notify the client; null if it need not be notified, or has been.</summary>
        public DateTimeOffset? NoticeAt => noticeAt;

        /// <summary>Whether the client still has to authenticate: <see cref="Until"/> is the end of <see cref="TokenTimeout"/>, not of a token.</summary>
        public bool IsWaiting { get; init; }

        public bool HasEnded { get; private init; }

        public Lease Notified() => new(caller, until, noticeAt: null) { IsWaiting = IsWaiting };

        public Lease Ended() => new(caller, until, noticeAt: null) { IsWaiting = IsWaiting, HasEnded = true };
    }
}

/// <summary>What the sweep has to do about a connection's access; by default nothing.</summary>
/// <param name="Close">Why the connection has to be closed.</param>
/// <param name="Notice">The notice to send to the client.</param>
internal readonly record struct AccessDue(CloseReason? Close = null, ExpiryNotice? Notice = null);

/// <summary>Access ends soon. To be sent only while <see cref="ConnectionAccess.IsCurrent"/>.</summary>
/// <param name="Lease">The lease that ends, compared by reference.</param>
/// <param name="Seconds">How soon.</param>
internal readonly record struct ExpiryNotice(object Lease, int Seconds);
