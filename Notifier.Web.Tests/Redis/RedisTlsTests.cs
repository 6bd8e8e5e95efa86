using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>Encryption as the settings for TLS say, on both connections and with both ways to read.</summary>
public sealed class RedisTlsTests : IDisposable
{
    private readonly AuthorityFiles files = new();
    private readonly int port = FreePort.Next();

    public void Dispose() => files.Dispose();

    [Theory]
    [InlineData("Direct")]
    [InlineData("Stream")]
    public async Task A_redis_whose_certificate_is_of_the_configured_authority_delivers(string transport)
    {
        await using var redis = await StartAsync(files);
        await using var app = await NotifierApp.StartAsync(
            $"rediss://localhost:{port}", settings: [$"Redis:Transport={transport}", $"Redis:CaFile={files.Authority}"]);

        await app.ShouldDeliverAsync();
    }

    [Fact]
    public async Task The_settings_for_tls_apply_to_a_list_of_options_too()
    {
        await using var redis = await StartAsync(files);
        await using var app = await NotifierApp.StartAsync($"localhost:{port},ssl=true", settings: $"Redis:CaFile={files.Authority}");

        await app.ShouldDeliverAsync();
    }

    [Theory]
    [InlineData("Direct", null)]
    [InlineData("Stream", null)]
    [InlineData("Direct", "another")]
    [InlineData("Stream", "another")]
    [InlineData("Direct", "private authority")]
    public async Task A_redis_whose_authority_is_not_trusted_is_not_used_and_the_log_has_the_remedy_once(string transport, string? trusted)
    {
        using var others = new AuthorityFiles(authorityName: trusted ?? "");
        await using var redis = await StartAsync(files);
        await using var app = await NotifierApp.StartAsync(
            $"rediss://localhost:{port}", settings: [$"Redis:Transport={transport}", $"Redis:CaFile={(trusted is null ? "" : others.Authority)}"]);

        await LogsAsync(app, $"(localhost:{port}: its certificate is not accepted (");
        await LogsAsync(app, "its authority is not trusted; set Redis:CaFile to the certificate (PEM) of the authority that issued it");
        (await app.IsReadyAsync()).Should().BeFalse();
        app.Log.Says("Connected to Redis").Should().BeFalse();
        app.Log.Lines.Where(static line => line.Text.Contains("its certificate", StringComparison.Ordinal)).Should().ContainSingle();
    }

    [Theory]
    [InlineData("Direct")]
    [InlineData("Stream")]
    public async Task A_certificate_for_another_host_name_is_accepted_only_if_that_name_is_configured(string transport)
    {
        using var named = new AuthorityFiles("redis.internal");
        await using var redis = await StartAsync(named);
        string[] settings = [$"Redis:Transport={transport}", $"Redis:CaFile={named.Authority}"];
        await using var wrong = await NotifierApp.StartAsync($"rediss://127.0.0.1:{port}", settings: settings);
        await using var right = await NotifierApp.StartAsync($"rediss://127.0.0.1:{port}", settings: [.. settings, "Redis:TlsServerName=redis.internal"]);

        await LogsAsync(wrong, "it is for another host name; connect by that name, or set Redis:TlsServerName");
        await right.ShouldDeliverAsync();
        (await wrong.IsReadyAsync()).Should().BeFalse();
    }

    [Theory]
    [InlineData("Direct", true)]
    [InlineData("Stream", true)]
    [InlineData("Direct", false)]
    public async Task A_redis_that_requires_a_client_certificate_delivers_to_a_node_that_has_one(string transport, bool isKeySeparate)
    {
        await using var redis = await StartAsync(files, "yes");
        string[] own = isKeySeparate
            ? [$"Redis:ClientCertificateFile={files.Client}", $"Redis:ClientKeyFile={files.ClientKey}"]
            : [$"Redis:ClientCertificateFile={files.ClientWithKey}"];
        await using var app = await NotifierApp.StartAsync(
            $"rediss://localhost:{port}", settings: [$"Redis:Transport={transport}", $"Redis:CaFile={files.Authority}", .. own]);

        await app.ShouldDeliverAsync();
    }

    [Theory]
    [InlineData("Direct")]
    [InlineData("Stream")]
    public async Task A_redis_that_requires_a_client_certificate_is_reported_as_such_with_the_settings_to_set(string transport)
    {
        await using var redis = await StartAsync(files, "yes");
        await using var app = await NotifierApp.StartAsync(
            $"rediss://localhost:{port}", settings: [$"Redis:Transport={transport}", $"Redis:CaFile={files.Authority}"]);

        await LogsAsync(app, $"(localhost:{port}: it requires a client certificate: set Redis:ClientCertificateFile and Redis:ClientKeyFile)");
        app.Log.Says("Redis authentication failed").Should().BeFalse("Redis has not seen a password");
    }

    [Theory]
    [InlineData("Direct", "another")]
    [InlineData("Stream", "another")]
    [InlineData("Direct", "private authority")]
    public async Task A_client_certificate_that_redis_does_not_accept_is_reported_as_such(string transport, string issuer)
    {
        using var others = new AuthorityFiles(authorityName: issuer);
        await using var redis = await StartAsync(files, "yes");
        await using var app = await NotifierApp.StartAsync(
            $"rediss://localhost:{port}",
            settings: [
                $"Redis:Transport={transport}", $"Redis:CaFile={files.Authority}", $"Redis:ClientCertificateFile={others.Client}", $"Redis:ClientKeyFile={others.ClientKey}"]);

        await LogsAsync(app, $"(localhost:{port}: it does not accept Notifier's client certificate (Redis:ClientCertificateFile))");
    }

    /// <summary>.NET looks for a list of revoked certificates if the machine trusts the authority, and a private authority rarely publishes one.</summary>
    [Fact]
    public async Task An_authority_that_the_machine_trusts_but_that_has_no_list_of_revoked_certificates_is_reported_with_the_remedy()
    {
        await using var redis = await StartAsync(files);
        await using var server = await ServerProcess.StartAsync(
            $"rediss://localhost:{port}", Listen.Plain, new Dictionary<string, string> { ["SSL_CERT_FILE"] = files.Authority });

        await Eventually.IsAsync(
            () => server.Output.Contains(
                "its certificate is not accepted (RevocationStatusUnknown): no list of revoked certificates can be read; set Redis:CaFile", StringComparison.Ordinal),
            "the log has the remedy");
    }

    private async Task<ProcessRedisHost> StartAsync(AuthorityFiles own, string authClients = "no")
    {
        var redis = new ProcessRedisHost(port, own.Arguments(port, authClients));
        await redis.StartAsync();
        return redis;
    }

    private static async Task LogsAsync(NotifierApp app, string text)
    {
        try
        {
            await Eventually.IsAsync(() => app.Log.Says(text), "the log has it");
        }
        catch (TimeoutException)
        {
            app.Log.Lines.Select(static line => line.Text).Should().Contain(line => line.Contains(text, StringComparison.Ordinal));
        }
    }
}
