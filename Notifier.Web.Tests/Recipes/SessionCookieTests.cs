using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Recipes;

/// <summary>The table of docs/access.md about cookies across hosts: when a browser sends the application's session cookie to Notifier.</summary>
public sealed class SessionCookieTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private const string PageHost = $"www.{BrowserFixture.InsecureHost}";
    private const string OtherSite = "localhost";

    [Theory]
    [InlineData(PageHost, PageHost, SameSiteAttribute.Strict, true)]
    [InlineData($"notifier.{BrowserFixture.InsecureHost}", $".{BrowserFixture.InsecureHost}", SameSiteAttribute.Strict, true)]
    [InlineData($"notifier.{BrowserFixture.InsecureHost}", $".{BrowserFixture.InsecureHost}", SameSiteAttribute.Lax, true)]
    [InlineData($"notifier.{BrowserFixture.InsecureHost}", PageHost, SameSiteAttribute.Lax, false)]
    [InlineData(OtherSite, $".{BrowserFixture.InsecureHost}", SameSiteAttribute.Lax, false)]
    public async Task A_session_cookie_reaches_notifier_as_the_page_about_access_says(string host, string domain, SameSiteAttribute sameSite, bool isSent)
    {
        await using var application = await Application.StartAsync();
        await using var site = await Site.StartAsync("<!doctype html><title>Shop</title>");
        var origin = $"http://{PageHost}:{new Uri(site.Address).Port}";
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration,
            settings: ["environment=Production", $"Access:Callback:Url={application.Address}", $"Access:AllowedOrigins:0={origin}"]);
        var page = await browser.NewPageAsync();
        await page.Context.AddCookiesAsync([new() { Name = "session", Value = "42", Domain = domain, Path = "/", SameSite = sameSite }]);
        await page.GotoAsync(origin);

        var connected = await page.EvaluateAsync<bool>(
            "address => new Promise(resolve => { const socket = new WebSocket(address); socket.onopen = () => resolve(true); socket.onerror = () => resolve(false); })",
            $"ws://{host}:{app.Address.Port}/ws");

        connected.Should().BeTrue();
        application.Asked.Should().Equal($"GET {(isSent ? "session=42" : "")} {origin} 127.0.0.1");
        await page.CloseAsync();
    }
}
