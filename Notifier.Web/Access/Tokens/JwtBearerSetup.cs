using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace Notifier.Access.Tokens;

/// <summary>Turns <c>Access:Tokens</c> into the validation parameters of Microsoft's JwtBearer. Files are read once, at the start.</summary>
internal sealed class JwtBearerSetup(IOptions<AccessOptions> access, TimeProvider time) : IConfigureOptions<JwtBearerOptions>
{
    public static readonly string[] Hmac = [SecurityAlgorithms.HmacSha256, SecurityAlgorithms.HmacSha384, SecurityAlgorithms.HmacSha512];

    public static readonly string[] PublicKey =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
        SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    public void Configure(JwtBearerOptions options)
    {
        var tokens = access.Value.Tokens;
        options.MapInboundClaims = false;
        options.BackchannelTimeout = OpenIdKeys.Timeout;
        if (tokens.Authority.Length > 0)
        {
            options.Authority = tokens.Authority;
            // Traffic within this machine cannot be intercepted.
            options.RequireHttpsMetadata = !IsLoopback(tokens.Authority);
        }
        options.TokenValidationParameters = new TokenValidationParameters
        {
            LifetimeValidator = (from, until, _, _) => IsWithinLifetime(from, until, time.GetUtcNow().UtcDateTime),
            RequireSignedTokens = true,
            // Never the algorithm that the token itself names.
            ValidAlgorithms = tokens.Algorithms is [_, ..] some ? some : tokens.Secret.Length > 0 ? [SecurityAlgorithms.HmacSha256] : PublicKey,
            ValidateIssuerSigningKey = true,
            IssuerSigningKeys = ReadKeys(tokens, out _),
            ValidateIssuer = tokens.Issuer.Length + tokens.Authority.Length > 0,
            ValidIssuer = tokens.Issuer.Length > 0 ? tokens.Issuer : null,
            ValidateAudience = tokens.Audience.Length > 0,
            ValidAudience = tokens.Audience,
        };
    }

    /// <param name="tokens">Says where the keys are.</param>
    /// <param name="error">What is wrong with the keys; else empty.</param>
    /// <returns>The keys; none with an authority, which is asked when the first token arrives.</returns>
    public static IReadOnlyList<SecurityKey> ReadKeys(TokenOptions tokens, out string error)
    {
        error = "";
        try
        {
            if (tokens.Secret.Length > 0)
                return [new SymmetricSecurityKey(Encoding.UTF8.GetBytes(tokens.Secret))];
            if (tokens.PublicKeyFile.Length > 0)
                return [ReadPem(File.ReadAllText(tokens.PublicKeyFile))];
            if (tokens.JwksFile.Length == 0)
                return [];
            var keys = new JsonWebKeySet(File.ReadAllText(tokens.JwksFile)).GetSigningKeys().Where(static key => key is not SymmetricSecurityKey).ToList();
            if (keys.Count == 0)
                error = "the file has no public RSA or elliptic-curve key";
            return keys;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            error = failure.Message.TrimEnd('.');
        }
        catch (Exception failure) when (failure is ArgumentException or CryptographicException or System.Text.Json.JsonException)
        {
            error = tokens.JwksFile.Length > 0
                ? "the file is not a JSON Web Key Set: {\"keys\":[…]}"
                : "the file has no public key (-----BEGIN PUBLIC KEY-----) or certificate in PEM";
        }
        return [];
    }

    /// <summary>
    /// The library's own check, but with Notifier's clock: the library always uses the system's. The skew is never added to the token's times, because
    /// the sum could overflow: a token may expire at the end of time, and the library sets a missing <c>nbf</c> to its beginning.
    /// </summary>
    private static bool IsWithinLifetime(DateTime? from, DateTime? until, DateTime now)
    {
        if (until is null)
            throw new SecurityTokenNoExpirationException();
        if (from > until)
            return false;
        if (from > now + TokenOptions.ClockSkew)
            throw new SecurityTokenNotYetValidException();
        return until > now - TokenOptions.ClockSkew ? true : throw new SecurityTokenExpiredException();
    }

    private static bool IsLoopback(string address) => Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.IsLoopback;

    private static AsymmetricSecurityKey ReadPem(string pem)
    {
        if (pem.Contains("-----BEGIN CERTIFICATE-----", StringComparison.Ordinal))
        {
            using var certificate = X509Certificate2.CreateFromPem(pem);
            pem = certificate.PublicKey.GetRSAPublicKey()?.ExportSubjectPublicKeyInfoPem()
                ?? certificate.PublicKey.GetECDsaPublicKey()?.ExportSubjectPublicKeyInfoPem()
                ?? "";
        }
        // ImportFromPem would accept a private key, but verifying needs none, and a private key should not be on this server.
        if (pem.Contains("PRIVATE KEY", StringComparison.Ordinal))
            throw new ArgumentException("a private key", nameof(pem));
        try
        {
            var rsa = RSA.Create();
            rsa.ImportFromPem(pem);
            return new RsaSecurityKey(rsa);
        }
        catch (Exception error) when (error is ArgumentException or CryptographicException)
        {
            var curve = ECDsa.Create();
            curve.ImportFromPem(pem);
            return new ECDsaSecurityKey(curve);
        }
    }
}
