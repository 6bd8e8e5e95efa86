using Notifier.Access;
using Notifier.Messages;

namespace Notifier.Connections;

/// <summary>
/// Who has a connection, and until when. Only connections have one whose visitor is somebody, or may say so later; to the others it
/// would be memory for nothing. Thread-safe.
/// </summary>
/// <remarks>
/// What holds now is one immutable term, replaced by compare-and-swap: either a renewal comes first and the end that was is forgotten, or
/// the end comes first and nothing is renewed. The client never hears that it was renewed and is closed all the same.
/// </remarks>
/// <param name="caller">Who it is at first.</param>
/// <param name="id">What the connection is known by outside.</param>
internal sealed class ConnectionAccess(Caller caller, string? id = null)
{
    /// <summary>How long a client may take to say who it is, where nobody gets nothing.</summary>
    public static readonly TimeSpan TokenLimit = TimeSpan.FromSeconds(10);

    /// <summary>How long before its end a client is told.</summary>
    public static readonly TimeSpan TellBefore = TimeSpan.FromSeconds(60);

    private Lease lease = new(caller, caller.Until);

    public string? Id => id;

    public Caller Caller => Volatile.Read(ref lease).Caller;

    /// <summary>It gets nothing until it says who it is, and not much time for that. Before anybody knows of it.</summary>
    public void AwaitToken(DateTimeOffset now) => lease = new(caller, now + TokenLimit) { IsWaiting = true };

    /// <summary>Replaces who it is, and until when.</summary>
    /// <returns>False when the end came first: the connection is being closed.</returns>
    public bool TryRenew(Caller to)
    {
        var renewed = new Lease(to, to.Until);
        while (true)
        {
            var seen = Volatile.Read(ref lease);
            if (seen.IsOver)
                return false;
            if (Interlocked.CompareExchange(ref lease, renewed, seen) == seen)
                return true;
        }
    }

    /// <summary>Tells that the end comes, and ends it when it has come. Called by the sweep.</summary>
    public void CheckExpiry(Connection connection, DateTimeOffset now)
    {
        var seen = Volatile.Read(ref lease);
        if (seen.Until is not { } until || seen.IsOver)
            return;
        if (now >= until)
        {
            if (TryReplace(seen, seen.Over()))
                _ = connection.CloseAsync(seen.IsWaiting ? CloseReason.NoToken(TokenLimit) : CloseReason.Expired);
        }
        else if (!seen.IsTold && !seen.IsWaiting && now >= until - TellBefore)
        {
            var told = seen.Told();
            if (TryReplace(seen, told))
                connection.Post(() => Tell(connection, told, (int)Math.Ceiling((until - now).TotalSeconds)));
        }
    }

    /// <summary>Runs as the owner; who was renewed while that was waited for is not told any more.</summary>
    private void Tell(Connection connection, Lease told, int seconds)
    {
        if (Volatile.Read(ref lease) == told)
            connection.Send(connection.Format.Expiring(seconds));
    }

    private bool TryReplace(Lease seen, Lease by) => Interlocked.CompareExchange(ref lease, by, seen) == seen;

    /// <summary>Compared as an object: which one it is, not what it says.</summary>
    private sealed class Lease(Caller caller, DateTimeOffset? until)
    {
        public Caller Caller => caller;

        public DateTimeOffset? Until => until;

        /// <summary>Whether the end is that of its patience, not that of a token.</summary>
        public bool IsWaiting { get; init; }

        public bool IsTold { get; private init; }

        public bool IsOver { get; private init; }

        public Lease Told() => new(caller, until) { IsWaiting = IsWaiting, IsTold = true };

        public Lease Over() => new(caller, until) { IsWaiting = IsWaiting, IsTold = IsTold, IsOver = true };
    }
}
