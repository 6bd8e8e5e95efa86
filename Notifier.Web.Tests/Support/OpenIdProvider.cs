using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;

namespace Notifier.Tests.Support;

/// <summary>An OpenID Connect provider, as far as a verifier of its tokens sees it: its description and its public keys.</summary>
internal sealed class OpenIdProvider : IAsyncDisposable
{
    /// <summary>The generation of a key takes a tenth of a second of processor time, so the providers share a few.</summary>
    private static readonly Lazy<RSAParameters>[] Pairs = [.. Enumerable.Range(0, 6).Select(static _ => new Lazy<RSAParameters>(Generate))];

    private static int used;

    private readonly WebApplication app;
    private RSA key = NextKey();
    private string keyId = "first";
    private int keysAsked;
    private int descriptionsAsked;

    private OpenIdProvider(WebApplication app) => this.app = app;

    /// <summary>An address such as <c>http://127.0.0.1:43210</c>.</summary>
    public string Address => app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <summary>The number of requests for its keys.</summary>
    public int KeysAsked => Volatile.Read(ref keysAsked);

    /// <summary>The number of requests for its description, which precede those for its keys.</summary>
    public int DescriptionsAsked => Volatile.Read(ref descriptionsAsked);

    /// <summary>Every request waits for this task.</summary>
    public Task Hold { get; set; } = Task.CompletedTask;

    /// <summary>The text that the provider serves instead of its keys, or null for the keys.</summary>
    public string? Keys { get; set; }

    public static async Task<OpenIdProvider> StartAsync(int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        var provider = new OpenIdProvider(builder.Build());
        provider.app.MapGet("/.well-known/openid-configuration", provider.Describe);
        provider.app.MapGet("/keys", provider.ShowKeys);
        await provider.app.StartAsync();
        return provider;
    }

    /// <summary>Makes the provider sign with another key, and publish only that key.</summary>
    public void Rotate(string to)
    {
        key.Dispose();
        (key, keyId) = (NextKey(), to);
    }

    /// <summary>A token of this provider for subject 42.</summary>
    public string Token(DateTimeOffset until, params string[] names) => Sign(TestToken.Payload(until, names), keyId);

    /// <summary>A token that this provider signs, with any key id and issuer.</summary>
    public string Sign(JsonObject payload, string claimedKey, string? issuer = null)
    {
        payload["iss"] = issuer ?? Address;
        return TestToken.Sign(payload, "RS256", text => key.SignData(text, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1), claimedKey);
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
        key.Dispose();
    }

    /// <summary>Another key than that of the five calls before.</summary>
    private static RSA NextKey() => RSA.Create(Pairs[(uint)Interlocked.Increment(ref used) % Pairs.Length].Value);

    private static RSAParameters Generate()
    {
        using var key = RSA.Create(2048);
        return key.ExportParameters(includePrivateParameters: true);
    }

    private async Task Describe(HttpContext context)
    {
        Interlocked.Increment(ref descriptionsAsked);
        await Hold.WaitAsync(context.RequestAborted);
        await context.Response.WriteAsync(new JsonObject { ["issuer"] = Address, ["jwks_uri"] = $"{Address}/keys" }.ToJsonString());
    }

    private async Task ShowKeys(HttpContext context)
    {
        Interlocked.Increment(ref keysAsked);
        await Hold.WaitAsync(context.RequestAborted);
        var shown = key.ExportParameters(includePrivateParameters: false);
        await context.Response.WriteAsync(Keys ?? new JsonObject
        {
            ["keys"] = new JsonArray(new JsonObject
            {
                ["kty"] = "RSA",
                ["use"] = "sig",
                ["kid"] = keyId,
                ["n"] = Base64UrlEncoder.Encode(shown.Modulus),
                ["e"] = Base64UrlEncoder.Encode(shown.Exponent),
            }),
        }.ToJsonString());
    }
}
