using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.Access.Tokens;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Access;

/// <summary>The valid contents of <c>Access:Tokens:PublicKeyFile</c>.</summary>
public sealed class PublicKeyFileTests : IDisposable
{
    private readonly FakeTimeProvider time = new(new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly string file = Path.GetTempFileName();

    private DateTimeOffset Now => time.GetUtcNow();

    public void Dispose() => File.Delete(file);

    [Theory]
    [InlineData("RS256")]
    [InlineData("ES256")]
    public async Task A_certificate_verifies_tokens_like_a_public_key_and_its_text_does_not_work_as_an_hmac_secret(string algorithm)
    {
        using var rsa = RSA.Create(2048);
        using var curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = algorithm == "RS256"
            ? new CertificateRequest("CN=signer", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest("CN=signer", curve, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        byte[] Sign(byte[] text) => algorithm == "RS256"
            ? rsa.SignData(text, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : curve.SignData(text, HashAlgorithmName.SHA256);
        var byFile = new TokenOptions { PublicKeyFile = file, Audience = TestToken.Audience };
        var token = TestToken.Sign(TestToken.Payload(Now.AddMinutes(5), "news"), algorithm, Sign);

        foreach (var pem in new[]
        {
            certificate.ExportCertificatePem(),
            $"a comment, as openssl writes it\n{certificate.ExportCertificatePem()}\n",
            PemEncoding.WriteString("PUBLIC KEY", certificate.PublicKey.ExportSubjectPublicKeyInfo()),
        })
        {
            File.WriteAllText(file, pem);
            ((await TestToken.IdentifyAsync(byFile, token, time)).Caller?.Subject).Should().Be("42");
            var forged = TestToken.Sign(TestToken.Payload(Now.AddMinutes(5), "news"), "HS256", text => HMACSHA256.HashData(Encoding.UTF8.GetBytes(pem), text));
            ((await TestToken.IdentifyAsync(byFile, forged, time)).Refusal?.Message).Should().Be("the token is not signed with a key that this server knows");
        }
    }

    [Fact]
    public void A_public_key_file_with_a_private_key_or_other_text_is_an_error()
    {
        using var rsa = RSA.Create(2048);
        using var curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        foreach (var pem in new[] { rsa.ExportPkcs8PrivateKeyPem(), rsa.ExportRSAPrivateKeyPem(), curve.ExportECPrivateKeyPem(), "what is this" })
        {
            File.WriteAllText(file, pem);

            JwtBearerSetup.ReadKeys(new TokenOptions { PublicKeyFile = file }, out var error).Should().BeEmpty();

            error.Should().Contain("-----BEGIN PUBLIC KEY-----");
        }
    }
}
