namespace Notifier.Names;

/// <summary>What a client can do about a <see cref="NameRefusal"/>.</summary>
internal enum RefusalKind
{
    /// <summary>The name is invalid: correct it.</summary>
    Malformed,

    /// <summary>The caller has no grant for the name.</summary>
    Forbidden,

    /// <summary>The node, or the quota of the client's address, is full: try later.</summary>
    Overloaded,
}

/// <summary>Why a name is refused.</summary>
/// <param name="Kind">For programs.</param>
/// <param name="Message">For people: what is wrong, and what is allowed.</param>
internal sealed record NameRefusal(RefusalKind Kind, string Message)
{
    public static NameRefusal Malformed(string message) => new(RefusalKind.Malformed, message);

    public static NameRefusal Forbidden(string message) => new(RefusalKind.Forbidden, message);

    public static NameRefusal Overloaded(string message) => new(RefusalKind.Overloaded, message);
}
