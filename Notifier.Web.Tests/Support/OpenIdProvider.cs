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

/// <summary>An OpenID Connect provider, as far as whoever checks its tokens sees it: what it says of itself, and its public keys.</summary>
internal sealed class OpenIdProvider : IAsyncDisposable
{
    private readonly WebApplication app;
    private RSA key = RSA.Create(2048);
    private string keyId = "first";
    private int keysAsked;
    private int descriptionsAsked;

    private OpenIdProvider(WebApplication app) => this.app = app;

    /// <summary>Such as <c>http://127.0.0.1:43210</c>.</summary>
    public string Address => app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <summary>How often somebody has fetched its keys.</summary>
    public int KeysAsked => Volatile.Read(ref keysAsked);

    /// <summary>How often somebody has asked what it says of itself, which comes first.</summary>
    public int DescriptionsAsked => Volatile.Read(ref descriptionsAsked);

    /// <summary>What every request waits for.</summary>
    public Task Hold { get; set; } = Task.CompletedTask;

    /// <summary>What it shows in place of its keys; null for its keys.</summary>
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

    /// <summary>From now on it signs with another key, and shows that one only.</summary>
    public void Rotate(string to)
    {
        key.Dispose();
        (key, keyId) = (RSA.Create(2048), to);
    }

    /// <summary>A token of this provider, about subject 42.</summary>
    public string Token(DateTimeOffset until, params string[] names) => Sign(TestToken.Payload(until, names), keyId);

    /// <summary>One that claims to be signed by a key of this name, and to be of this issuer; it is this provider that has signed it.</summary>
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
