using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Browser;

/// <summary>When the page loads the elements, which events they raise, and how the page styles them.</summary>
public sealed class ElementsTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task The_elements_script_is_not_fetched_by_a_page_that_uses_no_elements()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync(
            $"<!doctype html><title>Shop</title><script src=\"{app.Address}notifier.js\"></script><script>new Notifier().channel('unused.x', m => document.title = m.data)</script>");
        var page = await browser.NewPageAsync();
        var requests = new List<string>();
        page.Request += (_, request) => requests.Add(new Uri(request.Url).AbsolutePath);
        await page.GotoAsync(site.Address);
        await Redis.WhenChannelIsLiveAsync(app, "unused.x");

        await Redis.PublishAsync("unused.x", "heard");

        await Expect(page).ToHaveTitleAsync("heard");
        requests.Should().Contain("/notifier.js").And.NotContain("/notifier-elements.js");
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_message_without_toasts_is_a_bubbling_event_on_the_body()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync(
            $"<!doctype html><title>Shop</title><script src=\"{app.Address}notifier.js\" data-pattern=\"event.* other.*\"></script>"
            + "<script>addEventListener('notifier:message', ({ target, detail }) => document.title = `${target.localName} ${detail.channel} ${detail.pattern} ${detail.data}`)</script>");
        var page = await browser.NewPageAsync();
        await page.GotoAsync(site.Address);
        await Eventually.IsAsync(async () => await Redis.PatternsAsync() == 2, "the page has subscribed");

        await Redis.PublishAsync("event.x", "hello");

        await Expect(page).ToHaveTitleAsync("body event.x event.* hello");
        await Expect(page.Locator("notifier-toasts")).ToHaveCountAsync(0);
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_page_styles_toasts_by_parts_and_custom_properties_and_its_other_styles_do_not_apply()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync(
            "<!doctype html><title>Shop</title><style>notifier-toasts { --notifier-accent: rebeccapurple; --notifier-radius: 1px; }"
            + " notifier-toasts::part(toast) { border-top-width: 7px; } button { display: none; } li { background: red; }</style>"
            + $"<script src=\"{app.Address}notifier.js\" data-channel=\"style.x\" data-toast data-seconds=0></script>");
        var page = await browser.NewPageAsync(new() { ColorScheme = ColorScheme.Light });
        await page.GotoAsync(site.Address);
        await Redis.WhenChannelIsLiveAsync(app, "style.x");

        await Redis.PublishAsync("style.x", "hello");

        var toast = page.Locator("notifier-toasts li");
        await Expect(toast).ToHaveCSSAsync("border-left-color", "rgb(102, 51, 153)");
        await Expect(toast).ToHaveCSSAsync("border-bottom-right-radius", "1px");
        await Expect(toast).ToHaveCSSAsync("border-top-width", "7px");
        await Expect(toast).ToHaveCSSAsync("background-color", "rgb(255, 255, 255)");
        await Expect(toast.Locator("button")).ToBeVisibleAsync();
        await page.CloseAsync();
    }
}
