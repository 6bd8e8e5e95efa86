using System.Security.Cryptography.X509Certificates;
using StackExchange.Redis;

namespace Notifier.Tests.Support;

/// <summary>A redis-server that speaks only TLS, as localhost, with a certificate that no machine trusts by default.</summary>
internal sealed class TlsRedis : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("notifier-tls-").FullName;
    private ProcessRedisHost host = null!;
    private ConnectionMultiplexer connection = null!;

    public int Port { get; } = FreePort.Next();

    /// <summary>The certificate to trust, for <c>SSL_CERT_FILE</c>.</summary>
    public string Authority => Path.Combine(folder, "redis.crt");

    public IServer Server => connection.GetServer("localhost", Port);

    /// <summary>A Cluster of one server, which reports its address instead of a host name, as most clusters do.</summary>
    public static async Task<TlsRedis> StartClusterAsync()
    {
        var redis = await StartAsync("--cluster-enabled", "yes", "--tls-cluster", "yes", "--cluster-port", $"{FreePort.Next()}", "--cluster-announce-ip", "127.0.0.1");
        await redis.Server.ExecuteAsync("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
        await Eventually.IsAsync(
            async () => ((string)(await redis.Server.ExecuteAsync("CLUSTER", "INFO"))!).Contains("cluster_state:ok", StringComparison.Ordinal), "it has all slots");
        return redis;
    }

    public static async Task<TlsRedis> StartAsync(params string[] arguments)
    {
        var redis = new TlsRedis();
        var key = Path.Combine(redis.folder, "redis.key");
        using var privateKey = NotifierApp.Certificate.Value.GetRSAPrivateKey()!;
        await File.WriteAllTextAsync(redis.Authority, NotifierApp.Certificate.Value.ExportCertificatePem());
        await File.WriteAllTextAsync(key, privateKey.ExportPkcs8PrivateKeyPem());
        redis.host = new ProcessRedisHost(redis.Port, [
            "--port", "0", "--tls-port", $"{redis.Port}", "--tls-cert-file", redis.Authority, "--tls-key-file", key, "--tls-ca-cert-file", redis.Authority,
            "--tls-auth-clients", "no", "--dir", redis.folder, .. arguments]);
        await redis.host.StartAsync();
        var options = ConfigurationOptions.Parse($"localhost:{redis.Port},ssl=true,allowAdmin=true");
        options.CertificateSelection += static (_, _, _, _, _) => NotifierApp.Certificate.Value;    // in case it requires one
        options.CertificateValidation += static (_, certificate, _, _) => certificate?.GetCertHashString() == NotifierApp.Certificate.Value.GetCertHashString();
        redis.connection = await ConnectionMultiplexer.ConnectAsync(options);
        return redis;
    }

    public async ValueTask DisposeAsync()
    {
        await connection.DisposeAsync();
        await host.KillAsync();
        await host.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }
}
