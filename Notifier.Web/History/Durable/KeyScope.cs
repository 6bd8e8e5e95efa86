using System.Security.Cryptography;
using System.Text;
using Notifier.Access;

namespace Notifier.History.Durable;

/// <summary>Whose idempotency keys a caller's are: the same key of another publisher is another key. Backends that run notifier.lua have a scope of their own.</summary>
/// <param name="Publisher">The scope.</param>
/// <param name="Owner">Who stores the keys, for the limit.</param>
/// <param name="Limit">How many keys the owner may store in <see cref="Window"/>.</param>
internal readonly record struct KeyScope(string Publisher, string Owner, int Limit)
{
    /// <summary>How many keys a visitor may store in <see cref="Window"/>: one costs Redis up to a kilobyte.</summary>
    public const int VisitorLimit = 1_000;

    /// <summary>The same for a backend with an API key.</summary>
    public const int BackendLimit = 1_000_000;

    /// <summary>How long a key is valid, as notifier.lua has it.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(10);

    /// <param name="caller">Who publishes.</param>
    /// <param name="address">The address of an anonymous visitor, or the same text for all if it is unknown.</param>
    public static KeyScope Of(Caller caller, string address)
    {
        if (caller.ApiKey is { } backend)
            return Of($"key:{backend}", BackendLimit);
        if (caller.Subject is { } subject)
            return Of($"sub:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(subject)).AsSpan(0, 16))}", VisitorLimit);
        // One scope for all, because a visitor's address changes while the visitor repeats a request.
        return new("anonymous", $"address:{address}", VisitorLimit);
    }

    private static KeyScope Of(string publisher, int limit) => new(publisher, publisher, limit);
}
