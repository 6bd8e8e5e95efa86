using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>Settings for TLS to Redis that cannot work stop the start, because without them the password could travel in plain text.</summary>
public sealed class RedisTlsRefusalTests
{
    [Theory]
    [InlineData("rediss://localhost", "Redis:CaFile=/nowhere.pem", "Redis:CaFile is /nowhere.pem, which does not exist")]
    [InlineData("rediss://localhost", "Redis:CaFile=appsettings.json", "which contains no certificate (PEM)")]
    [InlineData("rediss://localhost", "Redis:ClientCertificateFile=/nowhere.pem", "Redis:ClientCertificateFile is /nowhere.pem, which does not exist")]
    [InlineData("rediss://localhost", "Redis:ClientKeyFile=/nowhere.key", "Redis:ClientKeyFile is set, but Redis:ClientCertificateFile is empty")]
    [InlineData("redis://localhost", "Redis:CaFile=/nowhere.pem", "Redis:CaFile is set, but Redis:Configuration does not say that the connection is encrypted")]
    [InlineData("localhost:6379", "Redis:TlsServerName=redis", "Begin the URL with rediss:// (or add ssl=true to a list), or remove Redis:TlsServerName")]
    public async Task An_invalid_setting_for_tls_stops_the_start(string redis, string setting, string told)
    {
        var message = await StartupRefusalTests.RefusedAsync("Development", $"Redis:Configuration={redis}", setting);

        message.Should().Contain(told);
    }

    [Fact]
    public async Task A_client_certificate_without_its_key_stops_the_start()
    {
        using var files = new AuthorityFiles();
        using var others = new AuthorityFiles();

        var missing = await StartupRefusalTests.RefusedAsync("Development", "Redis:Configuration=rediss://localhost", $"Redis:ClientCertificateFile={files.Client}");
        var other = await StartupRefusalTests.RefusedAsync(
            "Development", "Redis:Configuration=rediss://localhost", $"Redis:ClientCertificateFile={files.Client}", $"Redis:ClientKeyFile={others.ClientKey}");

        missing.Should().Contain($"Redis:ClientCertificateFile is {files.Client}, which has no private key (PEM, not encrypted) of that certificate");
        other.Should().Contain($"Redis:ClientKeyFile is {others.ClientKey}, which has no private key (PEM, not encrypted) of that certificate");
    }
}
