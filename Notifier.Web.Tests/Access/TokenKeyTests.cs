using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.Access;
using Notifier.Access.Tokens;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Access;

/// <summary>The keys and algorithms that Notifier verifies tokens with.</summary>
public sealed class TokenKeyTests : IDisposable
{
    private readonly FakeTimeProvider time = new(new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly string file = Path.GetTempFileName();

    private DateTimeOffset Now => time.GetUtcNow();

    private TokenOptions Hmac { get; } = new() { Secret = TestToken.Secret, Audience = TestToken.Audience, Issuer = TestToken.Issuer };

    public void Dispose() => File.Delete(file);

    [Fact]
    public async Task A_token_with_another_algorithm_or_key_than_the_configured_one_is_rejected()
    {
        using var rsa = RSA.Create(2048);
        using var other = RSA.Create(2048);
        File.WriteAllText(file, rsa.ExportSubjectPublicKeyInfoPem());
        var byKey = new TokenOptions { PublicKeyFile = file, Audience = TestToken.Audience };
        var payload = TestToken.Payload(Now.AddMinutes(5), "news");
        var pem = Encoding.UTF8.GetBytes(File.ReadAllText(file));
        byte[] Rsa(RSA key, byte[] text) => key.SignData(text, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);

        (await IdentifyAsync(byKey, TestToken.Sign(payload, "RS256", text => Rsa(rsa, text)))).Caller.Should().NotBeNull("the unchanged token is valid");

        foreach (var (options, forged) in new[]
        {
            (byKey, TestToken.Sign(payload, "none", static _ => [])),
            (byKey, TestToken.Sign(payload, "None", static _ => [])),
            (byKey, TestToken.Sign(payload, "HS256", text => HMACSHA256.HashData(pem, text))),
            (byKey, TestToken.Sign(payload, "HS256", text => HMACSHA256.HashData(rsa.ExportSubjectPublicKeyInfo(), text))),
            (byKey, TestToken.Sign(payload, "RS256", text => Rsa(other, text))),
            (byKey, TestToken.Sign(payload, "RS256", static _ => [])),
            (Hmac, TestToken.Sign(payload, "none", static _ => [])),
            (Hmac, TestToken.Sign(payload, "HS256", static _ => [])),
            (Hmac, TestToken.Sign(payload, "HS512", static text => HMACSHA512.HashData(Encoding.UTF8.GetBytes(TestToken.Secret), text))),
            (Hmac, TestToken.Sign(payload, "RS256", text => Rsa(rsa, text))),
            (Hmac, TestToken.Sign(payload, "HS256", static text => HMACSHA256.HashData("another secret, also long enough it is"u8, text))),
        })
        {
            // The parentheses matter: after "?." the assertion would not run if the token were accepted.
            ((await IdentifyAsync(options, forged)).Refusal?.Kind).Should().Be(AccessRefusalKind.Unauthorized, forged);
        }
    }

    [Fact]
    public async Task A_key_set_file_verifies_tokens_with_its_public_key_and_ignores_its_symmetric_key()
    {
        using var curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = curve.ExportParameters(false).Q;
        File.WriteAllText(file, new JsonObject
        {
            ["keys"] = new JsonArray(
                new JsonObject { ["kty"] = "oct", ["kid"] = "0", ["k"] = Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Encode(TestToken.Secret) },
                new JsonObject
                {
                    ["kty"] = "EC",
                    ["crv"] = "P-256",
                    ["x"] = Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Encode(point.X),
                    ["y"] = Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Encode(point.Y),
                }),
        }.ToJsonString());
        var options = new TokenOptions { JwksFile = file, Audience = TestToken.Audience };
        var payload = TestToken.Payload(Now.AddMinutes(5), "news");

        var good = await IdentifyAsync(options, TestToken.Sign(payload, "ES256", text => curve.SignData(text, HashAlgorithmName.SHA256)));
        var symmetric = await IdentifyAsync(options, TestToken.Sign(payload));

        (good.Caller?.Subject, symmetric.Caller).Should().Be(("42", null));
    }

    private Task<AuthenticationResult> IdentifyAsync(TokenOptions tokens, string token) => TestToken.IdentifyAsync(tokens, token, time);
}
