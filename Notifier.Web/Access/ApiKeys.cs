using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Names;

namespace Notifier.Access;

/// <summary>The backends that authenticate with an API key (<c>Access:ApiKeys</c>). Immutable.</summary>
internal sealed class ApiKeys(IOptions<AccessOptions> access)
{
    private const string GrantsNothing = "the API key grants nothing";

    private readonly (byte[] Hash, Caller Caller)[] keys = [.. access.Value.ApiKeys.Select(static key => (HashOf(key), CallerFor(key)))];

    public bool Any => keys.Length > 0;

    /// <summary>
    /// The backend that has this secret, or null. The time reveals nothing about the keys: each hash is compared, in constant time.
    /// </summary>
    public Caller? Find(string secret)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(secret), hash);
        Caller? found = null;
        foreach (var key in keys)
        {
            if (CryptographicOperations.FixedTimeEquals(key.Hash, hash))
                found = key.Caller;
        }
        return found;
    }

    private static byte[] HashOf(ApiKeyOptions key) =>
        key.Sha256.Length > 0 ? Convert.FromHexString(key.Sha256) : SHA256.HashData(Encoding.UTF8.GetBytes(key.Secret));

    private static Caller CallerFor(ApiKeyOptions key) =>
        new(new Grant(key.Subscribe.Select(Name.Parse), GrantsNothing), new Grant(key.Publish.Select(Name.Parse), GrantsNothing))
        {
            ExpiresAt = null,
            DisconnectionsBefore = Caller.WithoutSubject,
            ApiKey = key.Name,
            MayDisconnect = key.Disconnect,
        };
}
