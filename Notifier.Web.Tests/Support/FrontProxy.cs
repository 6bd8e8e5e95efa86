using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace Notifier.Tests.Support;

/// <summary>The product of a load balancer.</summary>
public enum FrontKind
{
    /// <summary>Without TLS, for tests that send raw requests.</summary>
    Nginx,

    /// <summary>With TLS and the redirect from http.</summary>
    NginxTls,

    HAProxy,
    Yarp,
}

/// <summary>
/// A real load balancer with two nodes behind it, configured by the file in <c>deploy/proxies</c>. Only the addresses are replaced.
/// </summary>
internal sealed partial class FrontProxy : IAsyncDisposable
{
    /// <summary>nginx needs a folder for each of these; the defaults belong to the system.</summary>
    private static readonly string[] NginxTemporaries = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

    private readonly string folder = Directory.CreateTempSubdirectory("notifier-front-").FullName;
    private readonly ConcurrentQueue<string> output = [];
    private Process? process;
    private WebApplication? yarp;

    private FrontProxy(FrontKind kind) => Address = new Uri($"{(kind == FrontKind.NginxTls ? "https" : "http")}://127.0.0.1:{FreePort.Next()}");

    public Uri Address { get; }

    /// <summary>The port that redirects to https.</summary>
    public int PlainPort { get; } = FreePort.Next();

    public static async Task<FrontProxy> StartAsync(FrontKind kind, Uri first, Uri second)
    {
        var front = new FrontProxy(kind);
        if (kind is FrontKind.Nginx or FrontKind.NginxTls)
            front.StartNginx(first, second);
        else if (kind == FrontKind.HAProxy)
            front.StartHAProxy(first, second);
        else
            await front.StartYarpAsync(first, second);
        await Eventually.IsAsync(front.AcceptsAsync, $"{kind} listens");
        return front;
    }

    public Uri WebSocketAddress(string path) => new UriBuilder(new Uri(Address, path)) { Scheme = Address.Scheme == "https" ? "wss" : "ws" }.Uri;

    public async ValueTask DisposeAsync()
    {
        if (yarp is not null)
            await yarp.DisposeAsync();
        if (process is not null)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }
        Directory.Delete(folder, recursive: true);
    }

    private void StartNginx(Uri first, Uri second)
    {
        var site = Put(Deployed.Text("proxies/nginx.conf"), "server 127.0.0.1:8081", $"server {first.Authority}");
        site = Put(site, "#server 10.0.0.6:8081", $"server {second.Authority}");
        var path = Write("site.conf", Address.Scheme == "https" ? WithTls(site) : WithoutTls(site));
        var paths = string.Concat(NginxTemporaries.Select(kind => $"{kind}_temp_path {folder}/{kind}; "));
        var main = Write("nginx.conf", $$"""
            {{(Environment.IsPrivilegedProcess ? "user root;" : "")}} daemon off; pid {{folder}}/pid; worker_processes 1;
            events { worker_connections 2048; }
            http { access_log off; {{paths}} include {{path}}; }
            """);
        Start("nginx", "-e", "stderr", "-c", main);
    }

    private string WithTls(string site)
    {
        var certificate = NotifierApp.Certificate.Value;
        Write("fullchain.pem", certificate.ExportCertificatePem());
        Write("privkey.pem", certificate.GetRSAPrivateKey()!.ExportRSAPrivateKeyPem());
        site = site.Replace("/etc/letsencrypt/live/notifier.example.com", folder, StringComparison.Ordinal);
        site = Put(Put(site, "listen 80;", $"listen 127.0.0.1:{PlainPort};"), "listen 443 ssl http2;", $"listen {Address.Authority} ssl http2;");
        return OverIPv6().Replace(site, "");
    }

    private string WithoutTls(string site)
    {
        site = Put(RedirectToTls().Replace(site, ""), "listen 443 ssl http2;", $"listen {Address.Authority};");
        return Certificates().Replace(OverIPv6().Replace(site, ""), "");
    }

    private void StartHAProxy(Uri first, Uri second)
    {
        var text = Put(Deployed.Text("proxies/haproxy.cfg"), "bind :80", $"bind {Address.Authority}");
        text = Put(text, "server notifier-1 notifier-1:8081", $"server notifier-1 {first.Authority}");
        text = Put(text, "server notifier-2 notifier-2:8081", $"server notifier-2 {second.Authority}");
        // A machine with few open files allows fewer connections.
        Start("haproxy", "-db", "-f", Write("haproxy.cfg", Put(text, "maxconn 200000", "maxconn 2000")));
    }

    private async Task StartYarpAsync(Uri first, Uri second)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration.AddJsonFile(Deployed.Path("proxies/yarp.json")).AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ReverseProxy:Clusters:notifier:Destinations:notifier-1:Address"] = first.ToString(),
            ["ReverseProxy:Clusters:notifier:Destinations:notifier-2:Address"] = second.ToString(),
        });
        builder.Services.AddReverseProxy().LoadFromConfig(builder.Configuration.GetSection("ReverseProxy"));
        builder.WebHost.UseUrls(Address.ToString());
        yarp = builder.Build();
        yarp.MapReverseProxy();
        await yarp.StartAsync();
        // Before both health checks have passed, YARP sends all clients to the node that it has checked first.
        var clusters = yarp.Services.GetRequiredService<IProxyStateLookup>();
        await Eventually.IsAsync(
            () => clusters.TryGetCluster("notifier", out var cluster) && cluster.Destinations.Values.All(static node => node.Health.Active == DestinationHealth.Healthy),
            "YARP knows both nodes");
    }

    private void Start(string program, params string[] arguments)
    {
        // Debian installs them in /usr/sbin, which is not on every user's PATH.
        var path = $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/usr/local/sbin".Split(':')
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException($"{program} is not installed: apt-get install {program} (./test.sh does).");
        process = new Process { StartInfo = new ProcessStartInfo(path, arguments) { RedirectStandardError = true, RedirectStandardOutput = true } };
        process.ErrorDataReceived += (_, line) => output.Enqueue(line.Data ?? "");
        process.OutputDataReceived += (_, line) => output.Enqueue(line.Data ?? "");
        process.Start();
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
    }

    /// <summary>Replaces the only occurrence of a text, and fails if there is not exactly one.</summary>
    private static string Put(string text, string old, string @new) =>
        Regex.Count(text, Regex.Escape(old)) == 1
            ? text.Replace(old, @new, StringComparison.Ordinal)
            : throw new InvalidOperationException($"There is not one \"{old}\" in the file.");

    private string Write(string name, string text)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    private async Task<bool> AcceptsAsync()
    {
        if (process is { HasExited: true })
            throw new InvalidOperationException($"It ended:\n{string.Join('\n', output)}");
        using var probe = new TcpClient();
        try
        {
            await probe.ConnectAsync(Address.Host, Address.Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>A machine may lack IPv6.</summary>
    [GeneratedRegex(@"^ *listen \[::\].*\n", RegexOptions.Multiline)]
    private static partial Regex OverIPv6();

    [GeneratedRegex(@"^# Browsers.*?^}\n", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex RedirectToTls();

    [GeneratedRegex(@"^ *ssl_.*\n", RegexOptions.Multiline)]
    private static partial Regex Certificates();
}
