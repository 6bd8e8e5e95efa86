using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace Notifier.Access.Tokens;

/// <summary>Makes of <c>Access:Tokens</c> what Microsoft's JwtBearer validates by. Files are read once, at the start.</summary>
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
            // On this very machine there is nobody to listen in.
            options.RequireHttpsMetadata = !IsLoopback(tokens.Authority);
        }
        options.TokenValidationParameters = new TokenValidationParameters
        {
            LifetimeValidator = (from, until, _, _) => Lives(from, until, time.GetUtcNow().UtcDateTime),
            RequireSignedTokens = true,
            // By these alone: what a token says of itself decides nothing.
            ValidAlgorithms = tokens.Algorithms is [_, ..] some ? some : tokens.Secret.Length > 0 ? [SecurityAlgorithms.HmacSha256] : PublicKey,
            ValidateIssuerSigningKey = true,
            IssuerSigningKeys = Read(tokens, out _),
            ValidateIssuer = tokens.Issuer.Length + tokens.Authority.Length > 0,
            ValidIssuer = tokens.Issuer.Length > 0 ? tokens.Issuer : null,
            ValidateAudience = tokens.Audience.Length > 0,
            ValidAudience = tokens.Audience,
        };
    }

    /// <param name="tokens">Which of its keys are set.</param>
    /// <param name="error">What is wrong with them.</param>
    /// <returns>Those that are known now: none where an authority is asked for them.</returns>
    public static IReadOnlyList<SecurityKey> Read(TokenOptions tokens, out string error)
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
                error = "it has no public key of RSA or an elliptic curve";
            return keys;
        }
        catch (Exception wrong) when (wrong is IOException or UnauthorizedAccessException)
        {
            error = wrong.Message.TrimEnd('.');
        }
        catch (Exception wrong) when (wrong is ArgumentException or CryptographicException or System.Text.Json.JsonException)
        {
            error = tokens.JwksFile.Length > 0
                ? "it is no JSON Web Key Set: {\"keys\":[…]}"
                : "it holds no PEM of a public key (-----BEGIN PUBLIC KEY-----) or certificate";
        }
        return [];
    }

    /// <summary>
    /// As the library would do it, which has only the machine's own clock. The skew is never added to what the token says: that may be at
    /// the end of time already, and the library itself has the beginning of time stand for an <c>nbf</c> that is not there.
    /// </summary>
    private static bool Lives(DateTime? from, DateTime? until, DateTime now)
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
        // A private key has no business here: who verifies needs none, and ImportFromPem would take it.
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
