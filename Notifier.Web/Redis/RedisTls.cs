using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Notifier.Configuration;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>
/// Encryption beyond what a connection string can say: the authority of the server's certificate, and a certificate of Notifier's own. The files are read
/// once, at start. Nothing here turns verification off.
/// </summary>
internal static class RedisTls
{
    private const string CaFile = "Redis:CaFile";
    private const string CertificateFile = "Redis:ClientCertificateFile";
    private const string KeyFile = "Redis:ClientKeyFile";
    private const string ServerName = "Redis:TlsServerName";

    /// <param name="redis">The settings.</param>
    /// <param name="options">Receives them. All connections are opened with these options, or with copies.</param>
    /// <param name="setting">The setting that has the connection string, for error texts.</param>
    /// <exception cref="StartupException">A file cannot be used, or the connection is not encrypted.</exception>
    public static void Apply(RedisOptions redis, ConfigurationOptions options, string setting)
    {
        if (redis.ClientKeyFile.Length > 0 && redis.ClientCertificateFile.Length == 0)
            throw new StartupException($"{KeyFile} is set, but {CertificateFile} is empty. Set both, or none.");
        (string Key, string Value)[] all = [(CaFile, redis.CaFile), (CertificateFile, redis.ClientCertificateFile), (ServerName, redis.TlsServerName)];
        // An operator who sets one of them expects encryption. Without it, the password would travel in plain text.
        if (!options.Ssl && Array.Find(all, static one => one.Value.Length > 0).Key is { } useless)
            throw new StartupException(
                $"{useless} is set, but {setting} does not say that the connection is encrypted. Begin the URL with rediss:// (or add ssl=true to a list), or remove {useless}.");
        if (redis.TlsServerName.Length > 0)
            options.SslHost = redis.TlsServerName;
        var authorities = redis.CaFile.Length > 0 ? ReadCertificates(CaFile, redis.CaFile) : null;
        var own = redis.ClientCertificateFile.Length > 0 ? ReadOwn(redis) : null;
        if (authorities is null && own is null)
            return;
        // Behind the machine's own store are lists of revoked certificates; a private authority rarely publishes one, and then no server could be verified.
        var revocation = authorities is null && options.CheckCertificateRevocation ? X509RevocationMode.Online : X509RevocationMode.NoCheck;
        options.SslClientAuthenticationOptions = host => new SslClientAuthenticationOptions
        {
            TargetHost = host,
            EnabledSslProtocols = options.SslProtocols ?? SslProtocols.None,
            CertificateRevocationCheckMode = revocation,
            CertificateChainPolicy = authorities is null ? null : OnlyFrom(authorities),
            ClientCertificateContext = own,
        };
    }

    /// <summary>A new policy for each connection, because a chain changes it.</summary>
    private static X509ChainPolicy OnlyFrom(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }

    private static SslStreamCertificateContext ReadOwn(RedisOptions redis)
    {
        var (certificateFile, keyFile) = (redis.ClientCertificateFile, redis.ClientKeyFile);
        var chain = ReadCertificates(CertificateFile, certificateFile);
        return Read(keyFile.Length > 0 ? KeyFile : CertificateFile, keyFile.Length > 0 ? keyFile : certificateFile, "has no private key (PEM, not encrypted) of that certificate", () =>
        {
            var own = X509Certificate2.CreateFromPemFile(certificateFile, keyFile.Length > 0 ? keyFile : null);
            // Windows cannot use a key that exists in memory only.
            if (OperatingSystem.IsWindows())
                own = X509CertificateLoader.LoadPkcs12(own.Export(X509ContentType.Pfx), null);
            return SslStreamCertificateContext.Create(own, chain, offline: true);
        });
    }

    private static X509Certificate2Collection ReadCertificates(string key, string path)
    {
        const string missing = "contains no certificate (PEM)";
        var certificates = Read(key, path, missing, () =>
        {
            var all = new X509Certificate2Collection();
            all.ImportFromPemFile(path);
            return all;
        });
        return certificates.Count > 0 ? certificates : throw new StartupException($"{key} is {path}, which {missing}.");
    }

    private static T Read<T>(string key, string path, string otherwise, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            throw new StartupException($"{key} is {path}, which {otherwise}.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StartupException(
                $"{key} is {path}, which {(error is FileNotFoundException or DirectoryNotFoundException ? "does not exist" : "cannot be read")}.");
        }
    }
}
