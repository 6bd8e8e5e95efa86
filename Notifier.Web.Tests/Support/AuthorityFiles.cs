using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Notifier.Tests.Support;

/// <summary>A private certificate authority, as companies and providers have, and the files (PEM) of what it issued.</summary>
internal sealed class AuthorityFiles : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("notifier-authority-").FullName;

    /// <param name="serverName">The host name in the server's certificate.</param>
    /// <param name="authorityName">The name of the authority.</param>
    public AuthorityFiles(string serverName = "localhost", string authorityName = "private authority")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={authorityName}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(2));
        File.WriteAllText(Authority, authority.ExportCertificatePem());
        Issue(authority, serverName, Server, ServerKey);
        Issue(authority, "notifier", Client, ClientKey);
        File.WriteAllText(ClientWithKey, File.ReadAllText(Client) + "\n" + File.ReadAllText(ClientKey));
    }

    public string Authority => Path.Combine(folder, "ca.pem");

    public string Server => Path.Combine(folder, "server.pem");

    public string ServerKey => Path.Combine(folder, "server.key");

    public string Client => Path.Combine(folder, "client.pem");

    public string ClientKey => Path.Combine(folder, "client.key");

    public string ClientWithKey => Path.Combine(folder, "both.pem");

    /// <summary>The arguments of a redis-server, or of a Sentinel, that speaks only TLS.</summary>
    /// <param name="port">The port.</param>
    /// <param name="authClients">Whether clients must have a certificate: <c>yes</c> or <c>no</c>.</param>
    public string[] Arguments(int port, string authClients = "no") =>
    [
        "--port", "0", "--tls-port", $"{port}", "--tls-cert-file", Server, "--tls-key-file", ServerKey, "--tls-ca-cert-file", Authority,
        "--tls-auth-clients", authClients, "--dir", folder,
    ];

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static void Issue(X509Certificate2 authority, string name, string certificateFile, string keyFile)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        names.AddIpAddress(IPAddress.Parse("192.0.2.1"));
        request.CertificateExtensions.Add(names.Build());
        using var issued = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1), RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(certificateFile, issued.ExportCertificatePem());
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
    }
}
