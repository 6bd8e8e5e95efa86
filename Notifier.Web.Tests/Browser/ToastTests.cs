using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Browser;

/// <summary>Which toasts are visible, and for how long. The test moves the page's clock.</summary>
public sealed class ToastTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task Five_toasts_in_a_burst_are_all_shown_for_three_seconds_at_least()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var page = await OpenAsync(app, "burst.x");

        await PublishAsync(app, page, "burst.x", 5);

        await Expect(Texts(page)).ToHaveTextAsync(["1", "2", "3"]);
        await Expect(More(page)).ToHaveTextAsync("+2 more");
        await page.Clock.RunForAsync(2_500);
        await Expect(Texts(page)).ToHaveTextAsync(["1", "2", "3"]);
        await page.Clock.RunForAsync(1_000);
        await Expect(Texts(page)).ToHaveTextAsync(["3", "4", "5"]);
        await Expect(More(page)).ToBeHiddenAsync();
        await page.Clock.RunForAsync(8_500);
        await Expect(Texts(page)).ToHaveCountAsync(0);
        await page.CloseAsync();
    }

    [Fact]
    public async Task Toasts_that_stay_until_they_are_dismissed_let_the_others_wait()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var page = await OpenAsync(app, "sticky.x", "seconds=0 max=2");

        await PublishAsync(app, page, "sticky.x", 4);

        await Expect(More(page)).ToHaveTextAsync("+2 more");
        await page.Clock.RunForAsync(60_000);
        await Expect(Texts(page)).ToHaveTextAsync(["1", "2"]);
        await page.Locator("notifier-toasts button").First.ClickAsync();
        await Expect(Texts(page)).ToHaveTextAsync(["2", "3"]);
        await Expect(More(page)).ToHaveTextAsync("+1 more");
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_flood_shows_three_toasts_and_the_number_of_the_others()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var page = await OpenAsync(app, "flood.x");

        await PublishAsync(app, page, "flood.x", 1_000);

        await Expect(More(page)).ToHaveTextAsync("+997 more");
        await Expect(Texts(page)).ToHaveCountAsync(3);
        for (var second = 0; second < 40; second++)
            await page.Clock.RunForAsync(1_000);
        await Expect(Texts(page)).ToHaveCountAsync(0);
        await Expect(More(page)).ToBeHiddenAsync();
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_toast_under_the_pointer_stays()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var page = await OpenAsync(app, "hover.x");
        await PublishAsync(app, page, "hover.x", 2);
        await Expect(Texts(page)).ToHaveTextAsync(["1", "2"]);

        await Texts(page).First.HoverAsync();
        await page.Clock.RunForAsync(20_000);
        await Expect(Texts(page)).ToHaveTextAsync(["1"]);

        await page.Mouse.MoveAsync(0, 0);
        await page.Clock.RunForAsync(1_000);
        await Expect(Texts(page)).ToHaveCountAsync(0);
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_long_toast_ends_with_an_ellipsis_after_a_whole_line()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var page = await OpenAsync(app, "long.x");

        await Redis.PublishAsync("long.x", string.Join(' ', Enumerable.Repeat("a long sentence", 60)));
        await ShowsAsync(page, 1);

        await Expect(Texts(page)).ToHaveCSSAsync("-webkit-line-clamp", "6");
        var lines = await Texts(page).EvaluateAsync<double>("text => text.clientHeight / parseFloat(getComputedStyle(text).lineHeight)");
        lines.Should().BeApproximately(6, 0.05);
        (await Texts(page).EvaluateAsync<bool>("text => text.scrollHeight > text.clientHeight")).Should().BeTrue("the text has more lines");
        await page.CloseAsync();
    }

    private static ILocator Texts(IPage page) => page.Locator("notifier-toasts li .text");

    private static ILocator More(IPage page) => page.Locator("notifier-toasts .more");

    /// <summary>All in one request, so that they arrive together: the payloads are 1, 2, 3 and so on.</summary>
    private static async Task PublishAsync(NotifierApp app, IPage page, string channel, int count)
    {
        var messages = Enumerable.Range(1, count).Select(n => new { channel, data = $"{n}" });
        (await app.PostAsync("/publish", System.Text.Json.JsonSerializer.Serialize(messages), "application/json")).Status.Should().Be(200);
        await ShowsAsync(page, count);
    }

    /// <summary>The elements draw once per frame, and frames are part of the page's clock.</summary>
    private static async Task ShowsAsync(IPage page, int count)
    {
        await Eventually.IsAsync(async () => await page.EvaluateAsync<int>("heard") == count, $"the page receives {count} messages");
        await page.Clock.RunForAsync(50);
    }

    private async Task<IPage> OpenAsync(NotifierApp app, string channel, string attributes = "")
    {
        await using var site = await Site.StartAsync(
            $"<!doctype html><title>Shop</title><script src=\"{app.Address}notifier.js\"></script><notifier-toasts channel={channel} {attributes}></notifier-toasts>");
        var page = await browser.NewPageAsync();
        await page.Clock.InstallAsync();
        await page.GotoAsync(site.Address);
        await Redis.WhenChannelIsLiveAsync(app, channel);
        await page.EvaluateAsync("globalThis.heard = 0; addEventListener('notifier:message', () => heard++)");
        // An installed clock does not stop by itself.
        await page.Clock.PauseAtAsync(DateTimeOffset.FromUnixTimeMilliseconds(await page.EvaluateAsync<long>("Date.now()") + 5_000).UtcDateTime);
        return page;
    }
}
