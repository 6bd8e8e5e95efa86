using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>The Origin header that a real browser sends for its page.</summary>
public sealed class OriginTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    /// <summary>Resolves to the first message or to the close code and reason.</summary>
    private const string FirstEvent =
        """
        address => new Promise(resolve => {
            const socket = new WebSocket(address);
            socket.onmessage = message => resolve(message.data);
            socket.onclose = close => resolve(`${close.code} ${close.reason}`);
        })
        """;

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task A_page_of_another_port_is_rejected_in_production_and_can_read_the_reason()
    {
        await using var site = await SiteAsync();
        await using var app = await StartAsync();
        var page = await OpenAsync($"http://localhost:{Port(site)}/");

        var told = await page.EvaluateAsync<string>(FirstEvent, Address(app, "127.0.0.1"));

        told.Should().Be($"4403 origin http://localhost:{Port(site)} is not allowed: see Access:AllowedOrigins");
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_page_of_another_port_receives_messages_once_its_origin_is_configured()
    {
        await using var site = await SiteAsync();
        await using var app = await StartAsync($"Access:AllowedOrigins:0=http://localhost:{Port(site)}");
        var page = await OpenAsync($"http://localhost:{Port(site)}/");

        (await FirstMessageAsync(page, app, "127.0.0.1")).Should().Be("hello");
        await page.CloseAsync();
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("localhost")]
    public async Task A_same_origin_page_receives_messages_under_each_host_name_of_the_server(string host)
    {
        await using var app = await StartAsync();
        var page = await OpenAsync($"http://{host}:{app.Address.Port}/");

        (await FirstMessageAsync(page, app, host)).Should().Be("hello");
        await page.CloseAsync();
    }

    private Task<NotifierApp> StartAsync(params string[] settings) => NotifierApp.StartAsync(
        Redis.Configuration, settings: ["environment=Production", "Access:Anonymous:Subscribe:0=*", .. settings]);

    private async Task<IPage> OpenAsync(string address)
    {
        var page = await browser.NewPageAsync();
        await page.GotoAsync(address);
        return page;
    }

    private async Task<string> FirstMessageAsync(IPage page, NotifierApp app, string host)
    {
        var first = page.EvaluateAsync<string>(FirstEvent, Address(app, host));
        await Redis.WhenChannelIsLiveAsync(app, "origin.browser");
        await Redis.PublishAsync("origin.browser", "hello");
        return await first;
    }

    private static string Address(NotifierApp app, string host) => $"ws://{host}:{app.Address.Port}/ws?channel=origin.browser";

    private static async Task<WebApplication> SiteAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var site = builder.Build();
        site.MapGet("/", () => Results.Content("<!doctype html><title>Another site</title>", "text/html"));
        await site.StartAsync();
        return site;
    }

    private static int Port(WebApplication site) => new Uri(site.Urls.First()).Port;
}
