using System.Net;
using System.Security.Claims;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Notifier.Tests.Architecture;
using Notifier.Tests.Recipes;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>The recipes of docs/access.md for an ASP.NET Core application, for its sessions and for tokens, compiled as printed.</summary>
public sealed class AspNetCoreRecipeTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Secret = "a secret of the tests, at least 32 bytes";

    [Fact]
    public async Task A_user_of_the_documented_asp_net_core_application_receives_only_its_own_channels()
    {
        var port = FreePort.Next();
        await using var application = await StartApplicationAsync(port);
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration, settings: ["environment=Production", $"Access:Callback:Url=http://127.0.0.1:{port}/notifier"]);
        using var browser = new HttpClient(new HttpClientHandler { UseCookies = false });
        using var login = await browser.GetAsync(new Uri($"http://127.0.0.1:{port}/login"));
        var cookie = login.Headers.GetValues("Set-Cookie").Single().Split(';')[0];

        await using var nobody = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=user.42.orders"));
        await using var own = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=user.42.orders"), headers: $"Cookie: {cookie}\r\n");
        await using var others = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=user.43.orders"), headers: $"Cookie: {cookie}\r\n");

        (await nobody.ReadUntilCloseAsync()).CloseCode.Should().Be(4401);
        (await others.ReadUntilCloseAsync()).CloseCode.Should().Be(4403);
        await own.IsLiveAsync(fixture.Redis, "user.42.orders");
    }

    [Fact]
    public async Task The_documented_token_route_issues_a_token_for_the_names_of_its_user()
    {
        var port = FreePort.Next();
        await using var application = await StartApplicationAsync(port);
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration, settings: ["environment=Production", $"Access:Tokens:Secret={Secret}", "Access:Tokens:Audience=notifier"]);
        using var browser = new HttpClient();
        var route = new Uri($"http://127.0.0.1:{port}/token");

        (await browser.GetAsync(route)).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        using var login = await browser.GetAsync(new Uri($"http://127.0.0.1:{port}/login"));
        using var answer = await browser.GetAsync(route);

        answer.Headers.CacheControl!.NoStore.Should().BeTrue();
        await using var client = await JsonClient.ConnectAsync(app, more: $", bearer.{await answer.Content.ReadAsStringAsync()}");
        await client.SubscribeAsync("pattern", "user.42.*");
        var refusal = await client.AskAsync("""{"type":"subscribe","channel":"user.43.orders"}""");
        ((string?)refusal["message"]).Should().Be("not allowed: user.43.orders");
    }

    /// <summary>So what these tests compile is what the page prints.</summary>
    [Theory]
    [InlineData("ASP.NET Core", "/token")]
    [InlineData("Routes for the callback", "/notifier")]
    public async Task The_page_prints_the_code_of_this_class(string heading, string route)
    {
        var own = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "Notifier.Web.Tests", "Endpoints", $"{nameof(AspNetCoreRecipeTests)}.cs"));

        var printed = CodeBlock.Under("access.md", heading).Single(block => block.Language == "csharp" && block.Text.Contains(route, StringComparison.Ordinal));

        WithoutIndentation(own).Should().Contain(WithoutIndentation(printed.Text));
    }

    private static string WithoutIndentation(string code) => string.Join('\n', code.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));

    private static async Task<WebApplication> StartApplicationAsync(int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration["NOTIFIER_SECRET"] = Secret;
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        builder.Services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie();
        builder.Services.AddDataProtection().UseEphemeralDataProtectionProvider();
        var app = builder.Build();
        app.UseAuthentication();
        app.MapGet("/login", static context => context.SignInAsync(
            new ClaimsPrincipal(new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, "42")], CookieAuthenticationDefaults.AuthenticationScheme))));
        app.MapGet("/notifier", (ClaimsPrincipal user) => user.FindFirstValue(ClaimTypes.NameIdentifier) is { } id
            ? Results.Ok(new { sub = id, subscribe = new[] { $"user.{id}.*" }, expiresIn = 300 })
            : Results.Unauthorized());
        var secret = new SymmetricSecurityKey(Encoding.UTF8.GetBytes(app.Configuration["NOTIFIER_SECRET"]!));
        app.MapGet("/token", (ClaimsPrincipal user, HttpResponse response) =>
        {
            if (user.FindFirstValue(ClaimTypes.NameIdentifier) is not { } id)
                return Results.Unauthorized();
            var token = new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
            {
                Audience = "notifier",
                Expires = DateTime.UtcNow.AddMinutes(5),
                Claims = new Dictionary<string, object> { ["sub"] = id, ["subscribe"] = new[] { $"user.{id}.*" } },
                SigningCredentials = new SigningCredentials(secret, SecurityAlgorithms.HmacSha256),
            });
            response.Headers.CacheControl = "no-store";
            return Results.Text(token);
        });
        await app.StartAsync();
        return app;
    }
}
