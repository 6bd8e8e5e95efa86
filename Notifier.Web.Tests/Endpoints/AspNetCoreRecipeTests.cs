using System.Security.Claims;
using FluentAssertions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>
/// The recipe of docs/access.md for an ASP.NET Core application whose sessions authenticate Notifier's clients, compiled as printed.
/// </summary>
public sealed class AspNetCoreRecipeTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
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

    private static async Task<WebApplication> StartApplicationAsync(int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
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
        await app.StartAsync();
        return app;
    }
}
