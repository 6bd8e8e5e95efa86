namespace Notifier.Messages;

/// <summary>
/// The values of <c>type</c> in the server's JSON objects. docs/protocol.md describes each, which a test checks: add a new one here and
/// there.
/// </summary>
internal static class ServerTypes
{
    public const string Welcome = "welcome";
    public const string Subscribed = "subscribed";
    public const string Message = "message";
    public const string Unsubscribed = "unsubscribed";
    public const string Gap = "gap";
    public const string Error = "error";
    public const string Ping = "ping";
    public const string Pong = "pong";
    public const string Authenticated = "authenticated";
    public const string Expiring = "expiring";
    public const string Closing = "closing";
}

/// <summary>
/// The values of <c>code</c>, besides those of a gap (<see cref="GapCode"/>). For programs: a code never changes its meaning. docs/protocol.md
/// describes each.
/// </summary>
internal static class ServerCodes
{
    /// <summary>The command is invalid: a property is missing or has the wrong type.</summary>
    public const string Invalid = "invalid";

    /// <summary>Notifier does not know the command.</summary>
    public const string UnknownType = "unknownType";

    /// <summary>Notifier knows the command, but this server does not support it.</summary>
    public const string Unsupported = "unsupported";

    /// <summary>The name is invalid.</summary>
    public const string Malformed = "malformed";

    /// <summary>The caller has no grant for the name, or no longer has one.</summary>
    public const string Forbidden = "forbidden";

    /// <summary>The token is invalid.</summary>
    public const string Unauthorized = "unauthorized";

    /// <summary>The caller cannot be identified now, because the token's issuer or the application does not answer.</summary>
    public const string Unavailable = "unavailable";

    /// <summary>A subscribed name is no longer granted, because the client has sent another token.</summary>
    public const string Revoked = "revoked";

    /// <summary>A limit or quota is reached: try later.</summary>
    public const string Overloaded = "overloaded";

    /// <summary>The connection is not subscribed to the name that it unsubscribes from.</summary>
    public const string NotSubscribed = "notSubscribed";

    /// <summary>The client unsubscribed before the subscription was confirmed.</summary>
    public const string Cancelled = "cancelled";

    /// <summary>The client read so slowly that the log no longer has its next message.</summary>
    public const string Slow = "slow";

    /// <summary>
    /// Not recovered: some of the name's channels are not durable, and this node no longer has, or never had, the log of the position. The position is from
    /// another node, from before a restart, or from before the name had no subscriber for <c>Redis:Linger</c>.
    /// </summary>
    public const string Elsewhere = "elsewhere";

    /// <summary>Not recovered: the history no longer reaches back to the position.</summary>
    public const string Trimmed = "trimmed";

    /// <summary>Not recovered: Redis has lost data since.</summary>
    public const string Reset = "reset";

    /// <summary>Not recovered: messages may have been lost since, and a gap follows in their place.</summary>
    public const string Gap = "gap";

    /// <summary>Not recovered: the connection is already subscribed to the name and keeps its place.</summary>
    public const string AlreadySubscribed = "held";

    /// <summary>A bug in Notifier.</summary>
    public const string Internal = "internal";
}

/// <summary>
/// The codes of close frames. The range tells the client what to do: see <see cref="CloseReason"/>. A new code begins here: then the compiler asks
/// for its name in <see cref="CloseReason"/>, and tests name the pages that must explain it.
/// </summary>
internal enum CloseCode : ushort
{
    Malformed = 4400,
    Unauthorized = 4401,
    NotAllowed = 4403,
    FrameTooBig = 4413,
    Internal = 4500,
    Overloaded = 4503,
    NoToken = 4504,
    TooSlow = 4508,
    TooManyCommands = 4529,
    GoingAway = 4601,
}
