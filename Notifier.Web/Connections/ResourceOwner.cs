using Notifier.Access;
using Notifier.Configuration;

namespace Notifier.Connections;

/// <summary>
/// Whose use of a resource is counted: the subject's, else the address'. Of a backend, which has an API key, only the limits of the node count. Nothing
/// identifies the default value.
/// </summary>
/// <param name="Subject">The caller's subject, or null.</param>
/// <param name="Address">The address, if there is no subject.</param>
/// <param name="ApiKey">The name of the backend's API key, or null.</param>
internal readonly record struct ResourceOwner(string? Subject, ClientAddress Address, string? ApiKey)
{
    /// <summary>How many more requests an address may send that thousands of visitors may share.</summary>
    private const int SharedAddressFactor = 10;

    public bool IsBackend => ApiKey is not null;

    /// <summary>Whether it is a single visitor: a subject, or an address that visitors do not share.</summary>
    public bool IsOneVisitor => Subject is not null || !(Address.IsUnknown || Address.MayBeProxy);

    /// <summary>How many visitors the owner counts as where rates are concerned; null for a backend.</summary>
    public int? Visitors => IsBackend ? null : RateOf(1);

    /// <summary>How much of a resource of the node the owner may have: its <see cref="FairShare"/>, but all of it for a backend.</summary>
    public long ShareOf(long total) => IsBackend ? total : FairShare.Of(total, IsOneVisitor);

    /// <summary>How many requests a second the owner may send, if one visitor may send so many.</summary>
    public int RateOf(int perSecond) => IsOneVisitor ? perSecond : perSecond * SharedAddressFactor;

    /// <param name="address">The address that the caller has.</param>
    /// <param name="caller">The caller; null if it is not identified yet.</param>
    public static ResourceOwner Of(ClientAddress address, Caller? caller = null) => caller switch
    {
        { ApiKey: { } key } => new(null, default, key),
        { Subject: { } subject } => new(subject, default, null),
        _ => new(null, address, null),
    };
}
