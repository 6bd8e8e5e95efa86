using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Access.Tokens;
using Notifier.Configuration;
using Notifier.Names;

namespace Notifier.Tests.Support;

/// <summary>Tokens built by hand, so that they can be invalid in every way.</summary>
internal static class TestToken
{
    public const string Secret = "the secret of the tests, long enough";
    public const string Audience = "notifier";
    public const string Issuer = "https://app.example";

    /// <summary>A server that accepts the tokens of <see cref="Of"/>, and opens nothing to clients without a token.</summary>
    public static readonly string[] Settings =
    [
        "environment=Production", $"Access:Tokens:Secret={Secret}", $"Access:Tokens:Audience={Audience}", $"Access:Tokens:Issuer={Issuer}",
    ];

    /// <summary>A token that a server with <see cref="Settings"/> accepts.</summary>
    /// <param name="until">The expiry of the token.</param>
    /// <param name="names">The names to which the token allows a client to subscribe.</param>
    public static string Of(DateTimeOffset until, params string[] names) => Sign(Payload(until, names));

    public static JsonObject Payload(DateTimeOffset until, params string[] names) => new()
    {
        ["sub"] = "42",
        ["iss"] = Issuer,
        ["aud"] = Audience,
        ["exp"] = until.ToUnixTimeSeconds(),
        ["subscribe"] = new JsonArray([.. names.Select(name => (JsonNode)name)]),
    };

    /// <param name="payload">The claims.</param>
    /// <param name="algorithm">The algorithm in the header.</param>
    /// <param name="sign">Computes the signature. The default is HMAC-SHA256 with the secret.</param>
    /// <param name="keyId">The name of the key (<c>kid</c>), if any.</param>
    /// <param name="change">Changes the header.</param>
    public static string Sign(
        JsonObject payload, string algorithm = "HS256", Func<byte[], byte[]>? sign = null, string? keyId = null, Action<JsonObject>? change = null)
    {
        var header = new JsonObject { ["alg"] = algorithm, ["typ"] = "JWT" };
        change?.Invoke(header);
        if (keyId is not null)
            header["kid"] = keyId;
        var text = $"{Encode(header)}.{Encode(payload)}";
        sign ??= static bytes => HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), bytes);
        return $"{text}.{Base64Url.EncodeToString(sign(Encoding.ASCII.GetBytes(text)))}";
    }

    /// <summary>The result of authentication by a server with these options.</summary>
    public static async Task<AuthenticationResult> IdentifyAsync(TokenOptions tokens, string token, TimeProvider time)
    {
        var access = Options.Create(new AccessOptions { Tokens = tokens });
        var bearer = new JwtBearerOptions();
        new JwtBearerSetup(access, time).Configure(bearer);
        new JwtBearerPostConfigureOptions().PostConfigure("", bearer);
        var rules = new NameRules(Options.Create(new LimitsOptions()));
        return await new TokenAuthentication(access, Options.Create(bearer), rules, new(), time, NullLogger<TokenAuthentication>.Instance).AuthenticateAsync(token);
    }

    private static string Encode(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));
}
