using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Notifier.Names;

namespace Notifier.Access;

/// <summary>The backends that have a secret of their own (<c>Access:ApiKeys</c>).</summary>
internal sealed class ApiKeys(IOptions<AccessOptions> access)
{
    private const string Nothing = "the API key grants nothing";

    private readonly (byte[] Hash, Caller Visitor)[] keys = [.. access.Value.ApiKeys.Select(static key => (HashOf(key), CallerFor(key)))];

    public bool Any => keys.Length > 0;

    /// <summary>Whose secret this is; null when it is nobody's. The time tells nothing: hashes are compared, all of them and whole.</summary>
    public Caller? Find(string secret)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(secret), hash);
        Caller? found = null;
        foreach (var key in keys)
        {
            if (CryptographicOperations.FixedTimeEquals(key.Hash, hash))
                found = key.Visitor;
        }
        return found;
    }

    private static byte[] HashOf(ApiKeyOptions key) =>
        key.Sha256.Length > 0 ? Convert.FromHexString(key.Sha256) : SHA256.HashData(Encoding.UTF8.GetBytes(key.Secret));

    private static Caller CallerFor(ApiKeyOptions key) =>
        new(new Grant(key.Subscribe.Select(Name.Parse), Nothing), new Grant(key.Publish.Select(Name.Parse), Nothing)) { ApiKey = key.Name };
}
