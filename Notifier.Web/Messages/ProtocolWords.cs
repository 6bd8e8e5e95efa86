namespace Notifier.Messages;

/// <summary>
/// What a JSON object of the server can be, in <c>type</c>. docs/protocol.md shows each, which a test checks: a new one goes here, and
/// onto the page.
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
/// What <c>code</c> can say, besides those of a gap (<see cref="GapCode"/>). For programs: none ever changes its meaning. On the page too.
/// </summary>
internal static class Codes
{
    /// <summary>The command is not one: something is missing, or of the wrong kind.</summary>
    public const string Invalid = "invalid";

    /// <summary>There is no such command.</summary>
    public const string UnknownType = "unknownType";

    /// <summary>There is, but not here.</summary>
    public const string Unsupported = "unsupported";

    /// <summary>Nobody can have such a name.</summary>
    public const string Malformed = "malformed";

    /// <summary>This visitor may not, or no longer.</summary>
    public const string Forbidden = "forbidden";

    /// <summary>The token is no good.</summary>
    public const string Unauthorized = "unauthorized";

    /// <summary>Not now: who decides on the visitor does not answer.</summary>
    public const string Unavailable = "unavailable";

    /// <summary>A name that was granted no longer is: the client has sent another token.</summary>
    public const string Revoked = "revoked";

    /// <summary>Not now: something is full.</summary>
    public const string Overloaded = "overloaded";

    /// <summary>The name to be let go of is not held.</summary>
    public const string NotSubscribed = "notSubscribed";

    /// <summary>The client let go of the name before it was confirmed.</summary>
    public const string Cancelled = "cancelled";

    /// <summary>The client fell out of what is kept.</summary>
    public const string Slow = "slow";

    /// <summary>Not recovered: the position is of another node, or of a time before this one started, and the name is not durable.</summary>
    public const string Elsewhere = "elsewhere";

    /// <summary>Not recovered: what is kept no longer goes back so far.</summary>
    public const string Trimmed = "trimmed";

    /// <summary>Not recovered: Redis has lost its data, or some of it, since.</summary>
    public const string Reset = "reset";

    /// <summary>Not recovered: messages may have been lost since, and a gap follows in their place.</summary>
    public const string Gap = "gap";

    /// <summary>Not recovered: the connection holds the name already, and nothing moves.</summary>
    public const string Held = "held";

    /// <summary>A mistake of Notifier's own.</summary>
    public const string Internal = "internal";
}

/// <summary>What a close frame can say. The range tells a client what to do: see <see cref="CloseReason"/>. On the page too.</summary>
internal static class CloseCodes
{
    public const ushort Malformed = 4400;
    public const ushort Unauthorized = 4401;
    public const ushort NotAllowed = 4403;
    public const ushort FrameTooBig = 4413;
    public const ushort Internal = 4500;
    public const ushort Overloaded = 4503;
    public const ushort NoToken = 4504;
    public const ushort TooSlow = 4508;
    public const ushort TooManyCommands = 4529;
    public const ushort GoingAway = 4601;
}
