using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Browser;

/// <summary>The JavaScript on the slides keeps working without a change.</summary>
public sealed class SlidesTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(From.WebServer)]
    [InlineData(From.Disk)]
    public async Task The_slides_snippet_shows_published_messages(From from)
    {
        await using var app = await StartAsync(from);
        await using var slides = await Slides.OpenAsync(browser, Redis, app, "slides-snippet.html", from);

        await Redis.PageListensAsync(patterns: 0);
        await Redis.PublishAsync("new-users", "Mathias signed up");
        await Redis.PublishAsync("new-users", "<b>Konstantin</b> signed up");

        await Expect(slides.Page.Locator("#messages > li")).ToHaveTextAsync(["Mathias signed up", "<b>Konstantin</b> signed up"]);
        slides.Errors.Should().BeEmpty();
    }

    [Theory]
    [InlineData(From.WebServer)]
    [InlineData(From.Disk)]
    public async Task The_slides_demo_shows_published_messages_and_reports_when_the_server_is_down(From from)
    {
        await using var app = await StartAsync(from);
        await using var slides = await Slides.OpenAsync(browser, Redis, app, "slides-demo.html", from);
        var items = slides.Page.Locator(".websockets-demo li");
        await Expect(items).ToHaveCountAsync(0);

        await slides.Page.EvaluateAsync("$('.websockets-demo').trigger('showoff:show')");
        await Expect(items).ToHaveTextAsync(["Connected to WebSocket server"]);

        await Redis.PageListensAsync(patterns: 0);
        await Redis.PublishAsync("new-users", "Mathias signed up");
        await Expect(items).ToHaveTextAsync(["Connected to WebSocket server", "Mathias signed up"]);

        await app.StopAsync();
        await Expect(items).ToHaveTextAsync(["Connected to WebSocket server", "Mathias signed up", "Can't connect to WebSocket server"]);
        slides.Errors.Should().BeEmpty();
    }

    /// <summary>A page from disk has the origin null, like a sandboxed frame of any site, so it needs the setting.</summary>
    [Fact]
    public async Task A_page_from_disk_is_rejected_without_the_setting_that_allows_it()
    {
        await using var app = await StartAsync(From.WebServer);
        await using var slides = await Slides.OpenAsync(browser, Redis, app, "slides-snippet.html", From.Disk);

        await Eventually.IsAsync(() => app.Log.Says("Refused a page of the origin null."), "Notifier has rejected the page");

        app.Hub.NameCount.Should().Be(0);
    }

    private Task<NotifierApp> StartAsync(From from) =>
        NotifierApp.StartAsync(Redis.Configuration, settings: from == From.Disk ? ["Access:AllowedOrigins:0=null"] : []);
}
