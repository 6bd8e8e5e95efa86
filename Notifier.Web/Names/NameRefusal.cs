namespace Notifier.Names;

/// <summary>What a client can make of a <see cref="NameRefusal"/>.</summary>
internal enum RefusalKind
{
    /// <summary>Nobody can have such a name: correct it.</summary>
    Malformed,

    /// <summary>This visitor may not have it.</summary>
    Forbidden,

    /// <summary>Not now: the node, or what this address may take of it, is full.</summary>
    Overloaded,
}

/// <summary>Why a name cannot be had.</summary>
/// <param name="Kind">For programs.</param>
/// <param name="Message">For people: what is wrong, and what would be right.</param>
internal sealed record NameRefusal(RefusalKind Kind, string Message)
{
    public static NameRefusal Malformed(string message) => new(RefusalKind.Malformed, message);

    public static NameRefusal Forbidden(string message) => new(RefusalKind.Forbidden, message);

    public static NameRefusal Overloaded(string message) => new(RefusalKind.Overloaded, message);
}
