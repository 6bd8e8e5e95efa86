using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Recipes;

/// <summary>The page of docs/getting-started.md, as printed.</summary>
public sealed class GettingStartedPageTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    /// <summary>Its section "Keep messages" says that nothing is lost, and that nothing is shown twice.</summary>
    [Fact]
    public async Task A_visitor_who_comes_back_to_the_page_sees_what_was_published_meanwhile_and_nothing_twice()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        var html = CodeBlock.Under("getting-started.md", "4. Embed it in a page")[0].TextFor(app.Address);
        await using var site = await Site.StartAsync(html);
        var page = await browser.NewPageAsync();
        await page.GotoAsync(site.Address);
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == 1, "the page has subscribed");
        await redis.PublishAsync("notifications.a", "before");
        await Expect(page.Locator("notifier-toasts li .text")).ToHaveTextAsync(["before"]);

        await page.GotoAsync("about:blank");
        await Eventually.IsAsync(() => app.Connections.Count == 0, "the page has left");
        await redis.PublishAsync("notifications.a", "meanwhile");
        await page.GotoAsync(site.Address);

        await Expect(page.Locator("notifier-toasts li .text")).ToHaveTextAsync(["meanwhile"]);
        await page.CloseAsync();
    }
}
